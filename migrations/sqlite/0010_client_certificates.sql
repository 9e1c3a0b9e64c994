-- Certificates that a client is bound to (RFC 8705): with at least one, it is served only on connections that show one of them.
CREATE TABLE client_certificate (
    client     TEXT NOT NULL REFERENCES client (id),
    -- SHA-256 of the certificate in base64url, as `x5t#S256` in tokens.
    thumbprint TEXT NOT NULL,
    not_after  TEXT NOT NULL,
    added_at   TEXT NOT NULL,
    CONSTRAINT client_certificate_thumbprint PRIMARY KEY (client, thumbprint)
);
