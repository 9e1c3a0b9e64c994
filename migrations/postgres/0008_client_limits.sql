-- Limits of its own that a client has, as `saphan client limit` takes them: `submit=600/min burst 100; read=none`.
ALTER TABLE client ADD COLUMN limits TEXT COLLATE "C" NOT NULL DEFAULT '';
