-- Agreements with agencies on what their clients may send and read, and until when (docs/agreements.md).

CREATE TABLE agreement (
    id          TEXT COLLATE "C" NOT NULL CONSTRAINT agreement_id PRIMARY KEY,
    agency      TEXT COLLATE "C" NOT NULL,
    standing    TEXT COLLATE "C" NOT NULL
                CHECK (standing IN ('draft', 'proposed', 'approved', 'rejected', 'terminated')),
    -- Rises with every change: who changes it says which one they saw.
    version     BIGINT NOT NULL,
    -- What is agreed, as JSON; ids only, no names.
    terms       TEXT NOT NULL,
    from_day    TEXT COLLATE "C" NOT NULL,
    until_day   TEXT COLLATE "C" NOT NULL,
    -- Hash of the terms as they were proposed, and the act of persons that decides it.
    what        TEXT COLLATE "C",
    approval    TEXT COLLATE "C" CONSTRAINT agreement_approval REFERENCES approval (id),
    -- The one that it goes on from.
    renews      TEXT COLLATE "C" CONSTRAINT agreement_renews REFERENCES agreement (id),
    -- Keyed hash of what its maker named the request by.
    request_key TEXT COLLATE "C",
    made_by     TEXT COLLATE "C" NOT NULL CONSTRAINT agreement_made_by REFERENCES person (id),
    made_at     TEXT COLLATE "C" NOT NULL,
    changed_at  TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX agreement_request ON agreement (made_by, request_key);
CREATE INDEX agreement_by_agency ON agreement (agency);

-- Clients that an approved agreement covers. Who is in here has what its agreements in force give, and nothing else.
CREATE TABLE agreement_client (
    client    TEXT COLLATE "C" NOT NULL CONSTRAINT agreement_client_client REFERENCES client (id),
    agreement TEXT COLLATE "C" NOT NULL CONSTRAINT agreement_client_agreement REFERENCES agreement (id),
    CONSTRAINT agreement_client_once PRIMARY KEY (client, agreement)
);

-- Who agreed to an act by which right: an act may need the consent of several rights, each by another person.
CREATE TABLE approval_consent (
    approval   TEXT COLLATE "C" NOT NULL CONSTRAINT approval_consent_approval REFERENCES approval (id),
    right_name TEXT COLLATE "C" NOT NULL,
    person     TEXT COLLATE "C" NOT NULL CONSTRAINT approval_consent_person REFERENCES person (id),
    at         TEXT COLLATE "C" NOT NULL,
    CONSTRAINT approval_consent_once PRIMARY KEY (approval, right_name)
);

-- Requests of clients as gateways measured them, by day in Thailand: how many, how many failed, and how long they took, by bucket
-- (src/domain/service.rs). Gateways add to one row.
CREATE TABLE service_day (
    day      TEXT COLLATE "C" NOT NULL,
    client   TEXT COLLATE "C" NOT NULL,
    class    TEXT COLLATE "C" NOT NULL,
    answered BIGINT NOT NULL,
    failed   BIGINT NOT NULL,
    b01 BIGINT NOT NULL, b02 BIGINT NOT NULL, b03 BIGINT NOT NULL, b04 BIGINT NOT NULL,
    b05 BIGINT NOT NULL, b06 BIGINT NOT NULL, b07 BIGINT NOT NULL, b08 BIGINT NOT NULL,
    b09 BIGINT NOT NULL, b10 BIGINT NOT NULL, b11 BIGINT NOT NULL, b12 BIGINT NOT NULL,
    b13 BIGINT NOT NULL, b14 BIGINT NOT NULL, b15 BIGINT NOT NULL, b16 BIGINT NOT NULL,
    CONSTRAINT service_day_once PRIMARY KEY (day, client, class)
);
CREATE INDEX service_day_by_client ON service_day (client, day);

-- The minutes of a day in which any gateway was there, one bit each.
CREATE TABLE gateway_day (
    day     TEXT COLLATE "C" NOT NULL CONSTRAINT gateway_day_once PRIMARY KEY,
    minutes BYTEA NOT NULL
);

-- Reports of months that are closed: as JSON, and signed.
CREATE TABLE service_report (
    agreement TEXT COLLATE "C" NOT NULL CONSTRAINT service_report_agreement REFERENCES agreement (id),
    month     TEXT COLLATE "C" NOT NULL,
    report    TEXT NOT NULL,
    jws       TEXT NOT NULL,
    closed_at TEXT COLLATE "C" NOT NULL,
    CONSTRAINT service_report_once PRIMARY KEY (agreement, month)
);
