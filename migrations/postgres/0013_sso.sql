-- Sign-ins that were sent to the provider of identities and are not back yet (docs/access.md).

-- Found by the hash of the state in the provider's answer, and by that of what the browser holds, which is not in it.
CREATE TABLE sso_flow (
    state   TEXT COLLATE "C" NOT NULL CONSTRAINT sso_flow_state PRIMARY KEY,
    browser TEXT COLLATE "C" NOT NULL,
    -- Nonce and PKCE verifier, sealed for this state.
    sealed  BYTEA NOT NULL,
    until   TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sso_flow_by_end ON sso_flow (until);
