-- From tables of version 1 to those of version 2, in one transaction. Rows of that time hold and want nothing.

-- name: version
PRAGMA user_version = 2;

-- name: wants
ALTER TABLE runs ADD COLUMN wants TEXT NOT NULL DEFAULT '';

-- name: runs_wants
CREATE INDEX runs_wants ON runs (wants, opened) WHERE wants <> '' AND status <> 'closed';

-- name: holds
CREATE TABLE holds (
    name TEXT NOT NULL,
    until INTEGER NOT NULL,
    run INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (name, until, run)
) WITHOUT ROWID;

-- name: holds_of_run
CREATE INDEX holds_of_run ON holds (run);
