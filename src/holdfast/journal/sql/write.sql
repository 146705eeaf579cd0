-- What the one writing thread of a process asks of the store.

-- name: begin
-- At once, so that whoever else writes is met here and not half-way.
BEGIN IMMEDIATE;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: changes
-- Another number than last time: somebody else has committed.
PRAGMA data_version;

-- name: version
PRAGMA user_version;

-- name: extent
-- The last position, the last run's id, and how far the durable prefix goes.
SELECT (SELECT coalesce(max(pos), 0) FROM entries),
       (SELECT coalesce(max(id), 0) FROM runs),
       (SELECT value FROM meta WHERE name = 'durable');

-- name: head
SELECT id, seq, agent, parent, opened, status, due, outcome, waits_for, attention, questions, wants
FROM runs WHERE name = ?;

-- name: key_owner
SELECT name FROM runs WHERE key = ? AND key <> '';

-- name: digest_at
SELECT digest FROM entries WHERE run = (SELECT id FROM runs WHERE name = ?) AND seq = ?;

-- name: position
SELECT pos FROM entries WHERE run = ? AND seq = ?;

-- name: told
-- The runs with lines between two positions, and their heads.
SELECT name, seq FROM runs WHERE id IN (SELECT run FROM entries WHERE pos > ? AND pos <= ?);

-- name: put_line
INSERT INTO entries (pos, run, seq, data, digest) VALUES (?, ?, ?, ?, ?);

-- name: put_run
INSERT INTO runs (seq, row, status, due, outcome, waits_for, attention, questions, wants,
                  agent, parent, opened, key, id, name)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: touch_run
-- When nothing that is searched by has changed: no index is written.
UPDATE runs SET seq = ?, row = ? WHERE id = ?;

-- name: move_run
UPDATE runs SET seq = ?, row = ?, status = ?, due = ?, outcome = ?, waits_for = ?, attention = ?, questions = ?, wants = ?
WHERE id = ?;

-- name: replace_run
UPDATE runs SET seq = ?, row = ?, status = ?, due = ?, outcome = ?, waits_for = ?, attention = ?, questions = ?, wants = ?,
                agent = ?, parent = ?, opened = ?
WHERE id = ?;

-- name: set_key
UPDATE runs SET key = ? WHERE id = ?;

-- name: put_blob
INSERT OR IGNORE INTO blobs (ref, data) VALUES (?, ?);

-- name: erase_blob
UPDATE blobs SET data = NULL WHERE ref = ?;

-- name: claim
INSERT OR IGNORE INTO claims (name, run) VALUES (?, ?);

-- name: claimed_by
SELECT run FROM claims WHERE name = ?;

-- name: used
-- What other runs hold of a name.
SELECT coalesce(sum(amount), 0) FROM holds WHERE name = ? AND run <> ? AND (until = 0 OR until > ?);

-- name: held_by
SELECT name, until, amount FROM holds WHERE run = ?;

-- name: put_hold
-- A part that was there keeps its age.
INSERT INTO holds (name, until, run, amount, since) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name, until, run) DO UPDATE SET amount = excluded.amount;

-- name: drop_hold
DELETE FROM holds WHERE name = ? AND until = ? AND run = ?;

-- name: drop_ended
-- So many of a name at once: whoever comes next goes on.
DELETE FROM holds WHERE (name, until, run) IN
    (SELECT name, until, run FROM holds WHERE name = ? AND until > 0 AND until <= ? LIMIT 100);

-- name: put_secret
INSERT OR IGNORE INTO secrets (tree, secret) VALUES (?, ?);

-- name: forget_secret
UPDATE secrets SET secret = NULL WHERE tree = ?;

-- name: set_durable
UPDATE meta SET value = ? WHERE name = 'durable';

-- name: raise_epoch
UPDATE meta SET value = value + 1 WHERE name = 'epoch';

-- name: epoch
SELECT value FROM meta WHERE name = 'epoch';

-- name: checkpoint
PRAGMA wal_checkpoint(PASSIVE);

-- name: scrub
-- After an erasure: what was erased must leave the write-ahead log too.
PRAGMA wal_checkpoint(TRUNCATE);
