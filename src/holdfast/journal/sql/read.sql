-- What is read, on connections that never write. Lines come as bytes, whatever a hand in the file made of them.

-- name: lines
SELECT seq, CAST(data AS BLOB), CAST(digest AS BLOB) FROM entries
WHERE run = (SELECT id FROM runs WHERE name = :run) AND seq > :after
ORDER BY seq LIMIT :limit;

-- name: durable_lines
SELECT seq, CAST(data AS BLOB), CAST(digest AS BLOB) FROM entries
WHERE run = (SELECT id FROM runs WHERE name = :run) AND seq > :after
  AND pos <= (SELECT value FROM meta WHERE name = 'durable')
ORDER BY seq LIMIT :limit;

-- name: feed
-- CROSS JOIN keeps SQLite to this order: lines first, then the name of each one's run.
SELECT e.pos, r.name, e.seq, CAST(e.data AS BLOB), CAST(e.digest AS BLOB)
FROM entries AS e CROSS JOIN runs AS r ON r.id = e.run
WHERE e.pos > :after AND e.pos <= (SELECT value FROM meta WHERE name = 'durable')
ORDER BY e.pos LIMIT :limit;

-- name: extent
SELECT (SELECT value FROM meta WHERE name = 'durable'), (SELECT coalesce(max(pos), 0) FROM entries);

-- name: epoch
SELECT value FROM meta WHERE name = 'epoch';

-- name: row
SELECT row FROM runs WHERE name = :run;

-- name: due
SELECT row FROM runs INDEXED BY runs_due
WHERE due <= :now AND due IS NOT NULL AND status <> 'closed'
ORDER BY due, id LIMIT :limit;

-- name: version
PRAGMA user_version;

-- name: held
-- `names` are so many parameters. With one min() in it, SQLite takes `run` from the row where that stands.
SELECT h.name, sum(h.amount), (SELECT r.name FROM runs AS r WHERE r.id = h.run),
       coalesce((SELECT o.until FROM holds AS o
                 WHERE o.name = h.name AND o.until > :now
                   AND o.run <> coalesce((SELECT id FROM runs WHERE name = :but), 0)
                 ORDER BY o.until LIMIT 1), 0),
       min(h.since)
FROM holds AS h
WHERE h.name IN ({names}) AND (h.until = 0 OR h.until > :now)
  AND h.run <> coalesce((SELECT id FROM runs WHERE name = :but), 0)
GROUP BY h.name;

-- name: wanting
SELECT row FROM runs INDEXED BY runs_wants
WHERE wants = :name AND wants <> '' AND status <> 'closed'
ORDER BY opened, name LIMIT :limit;

-- name: runs
SELECT name FROM runs WHERE name > :after ORDER BY name LIMIT :limit;

-- name: blob_size
SELECT length(data) FROM blobs WHERE ref = :ref;

-- name: blob
SELECT CAST(data AS BLOB) FROM blobs WHERE ref = :ref;

-- name: blobs
-- `refs` are so many parameters.
SELECT ref, CAST(data AS BLOB) FROM blobs WHERE ref IN ({refs}) AND data IS NOT NULL;

-- name: secret
SELECT secret FROM secrets WHERE tree = :tree;

-- name: find
-- `index` and `lead` are one of the pairs below: the most selective thing that was asked leads.
SELECT row FROM runs INDEXED BY {index}
WHERE {lead}
  AND (:status IS NULL OR status = :status)
  AND (:outcome IS NULL OR outcome = :outcome)
  AND (:agent = '' OR agent = :agent)
  AND (:key = '' OR key = :key)
  AND (:waits_for = '' OR waits_for = :waits_for)
  AND (:attention IS NULL OR (attention <> 0) = :attention)
  AND (:questions IS NULL OR (questions <> 0) = :questions)
  AND (:parent IS NULL OR parent = :parent)
  AND (opened, name) < (:opened, :name)
ORDER BY opened DESC, name DESC LIMIT :limit;

-- name: runs_key
key = :key AND key <> ''

-- name: runs_parent
parent = :parent AND parent <> ''

-- name: runs_questions
questions <> 0

-- name: runs_attention
attention <> 0

-- name: runs_waits
waits_for = :waits_for AND waits_for <> ''

-- name: runs_status
status = :status AND status <> 'closed'

-- name: runs_outcome
outcome = :outcome AND outcome IS NOT NULL

-- name: runs_agent
agent = :agent

-- name: runs_opened
opened <= :opened
