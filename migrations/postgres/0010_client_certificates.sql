-- Certificates that a client is bound to. The same names and meaning as in `migrations/sqlite/0010_client_certificates.sql`, where
-- they are explained.
CREATE TABLE client_certificate (
    client     TEXT COLLATE "C" NOT NULL CONSTRAINT client_certificate_client REFERENCES client (id),
    thumbprint TEXT COLLATE "C" NOT NULL,
    not_after  TEXT COLLATE "C" NOT NULL,
    added_at   TEXT COLLATE "C" NOT NULL,
    CONSTRAINT client_certificate_thumbprint PRIMARY KEY (client, thumbprint)
);
