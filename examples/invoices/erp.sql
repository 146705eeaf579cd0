-- The ERP: what was ordered, what arrived, which invoices were booked, what was paid. Money is whole cents, net of tax; days
-- are ISO dates. Its calendar stands still (`facts`, `today`), so that the same invoice is due on any day.

PRAGMA journal_mode = WAL;

CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL);

CREATE TABLE vendors (
  vendor_id  TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  email      TEXT NOT NULL UNIQUE,
  iban       TEXT NOT NULL,               -- typed in by two people, from a letter and a call back
  terms_days INTEGER NOT NULL,            -- days from the date of an invoice until it is due
  status     TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked'))
);

CREATE TABLE orders (
  order_no      TEXT PRIMARY KEY,
  vendor_id     TEXT NOT NULL REFERENCES vendors,
  ordered_on    TEXT NOT NULL,
  freight_cents INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE lines (
  order_no   TEXT NOT NULL REFERENCES orders,
  line       INTEGER NOT NULL,
  article    TEXT NOT NULL,
  quantity   INTEGER NOT NULL CHECK (quantity > 0),
  unit_cents INTEGER NOT NULL CHECK (unit_cents > 0),
  PRIMARY KEY (order_no, line)
);

-- `open` is what of a delivery no invoice has been paid for yet.
CREATE TABLE receipts (
  receipt_no  INTEGER PRIMARY KEY,
  order_no    TEXT NOT NULL REFERENCES orders,
  line        INTEGER NOT NULL,
  quantity    INTEGER NOT NULL CHECK (quantity > 0),
  open        INTEGER NOT NULL CHECK (open BETWEEN 0 AND quantity),
  received_on TEXT NOT NULL
);

-- Every invoice that was booked; `plain` is its number without what writers vary: case, dashes, blanks.
CREATE TABLE invoices (
  vendor_id  TEXT NOT NULL REFERENCES vendors,
  invoice_no TEXT NOT NULL,
  plain      TEXT NOT NULL,
  order_no   TEXT NOT NULL,
  cents      INTEGER NOT NULL,
  payment_no INTEGER NOT NULL REFERENCES payments
);

-- `key` is the idempotency key: the same key is the same payment. NULL: made by hand, before there was an agent.
-- `made_at` is the real time in seconds: the list of payments lags behind it.
CREATE TABLE payments (
  payment_no  INTEGER PRIMARY KEY AUTOINCREMENT,
  vendor_id   TEXT NOT NULL REFERENCES vendors,
  invoice_no  TEXT NOT NULL,
  order_no    TEXT NOT NULL,
  cents       INTEGER NOT NULL CHECK (cents > 0),
  iban        TEXT NOT NULL,
  paid_on     TEXT NOT NULL,
  made_at     REAL NOT NULL,
  key         TEXT UNIQUE,
  reversed_by TEXT UNIQUE
);

-- Which deliveries a payment is for.
CREATE TABLE taken (payment_no INTEGER NOT NULL REFERENCES payments, receipt_no INTEGER NOT NULL, quantity INTEGER NOT NULL);

CREATE TABLE letters (
  letter_no INTEGER PRIMARY KEY AUTOINCREMENT,
  vendor_id TEXT NOT NULL REFERENCES vendors,
  body      TEXT NOT NULL,
  key       TEXT NOT NULL UNIQUE
);

CREATE TABLE filed (
  filed_no   INTEGER PRIMARY KEY AUTOINCREMENT,
  invoice_no TEXT NOT NULL,
  until      TEXT NOT NULL,
  because    TEXT NOT NULL,
  key        TEXT NOT NULL UNIQUE,
  taken_by   TEXT UNIQUE
);

-- What goes wrong by name: the first `times` requests of `endpoint` about `about` (NULL: all of them) go wrong like `kind` says.
--   busy   429, with Retry-After; nothing was done
--   cut    half a list, and no cursor for the rest
--   lost   it was done, and the connection broke before the answer
--   late   it was done, and the answer takes longer than anybody waits
CREATE TABLE troubles (
  endpoint TEXT NOT NULL,
  about    TEXT NOT NULL,
  kind     TEXT NOT NULL CHECK (kind IN ('busy', 'cut', 'lost', 'late')),
  times    INTEGER,
  PRIMARY KEY (endpoint, about)
);

-- Every request that was made, and how it went: the seed's troubles go by this count, so they outlive a restart.
CREATE TABLE requests (
  endpoint TEXT NOT NULL,
  about    TEXT NOT NULL,
  seen     INTEGER NOT NULL DEFAULT 0,
  troubled INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (endpoint, about)
);

INSERT INTO facts VALUES ('today', '2026-06-01'), ('seed', 7), ('busy_per_mille', 120), ('lag', 0.8);

INSERT INTO vendors (vendor_id, name, email, iban, terms_days, status) VALUES
  ('V-101', 'Kestrel Tools GmbH',      'billing@kestrel.example',    'DE69200505501000450000', 30, 'active'),
  ('V-102', 'Birch & Sons Timber',     'accounts@birch.example',     'DE23201518671002912809', 30, 'active'),
  ('V-103', 'Lumen Electric',          'invoices@lumen.example',     'DE74202531841005375618', 14, 'active'),
  ('V-104', 'Polar Cooling',           'billing@polar.example',      'DE28203545011007838427', 30, 'active'),
  ('V-105', 'Orchard Packaging',       'office@orchard.example',     'DE79204558181010301236', 30, 'active'),
  ('V-106', 'Meridian Steel',          'rechnung@meridian.example',  'DE33205571351012764045', 30, 'active'),
  ('V-107', 'Quill Office',            'billing@quill.example',      'DE84206584521015226854', 14, 'active'),
  ('V-108', 'Tidewater Chemicals',     'ar@tidewater.example',       'DE38207597691017689663', 30, 'active'),
  ('V-109', 'Aster Robotics',          'finance@aster.example',      'DE89208610861020152472', 30, 'active'),
  ('V-110', 'Fennel Catering',         'post@fennel.example',        'DE43209624031022615281', 60, 'active'),
  ('V-111', 'Halyard Rope',            'sales@halyard.example',      'DE94210637201025078090', 30, 'blocked'),
  ('V-112', 'Corvid Consulting',       'billing@corvid.example',     'DE48211650371027540899', 14, 'active');

INSERT INTO orders (order_no, vendor_id, ordered_on, freight_cents) VALUES
  ('PO-4101', 'V-101', '2026-04-02', 0),    ('PO-4102', 'V-102', '2026-04-07', 0),
  ('PO-4103', 'V-103', '2026-04-20', 4500), ('PO-4104', 'V-104', '2026-04-08', 0),
  ('PO-4105', 'V-105', '2026-04-09', 0),    ('PO-4106', 'V-106', '2026-04-10', 0),
  ('PO-4107', 'V-107', '2026-04-13', 0),    ('PO-4108', 'V-108', '2026-04-14', 0),
  ('PO-4109', 'V-108', '2026-04-15', 0),    ('PO-4110', 'V-106', '2026-04-16', 8000),
  ('PO-4111', 'V-103', '2026-04-27', 0),    ('PO-4112', 'V-107', '2026-05-04', 0),
  ('PO-4113', 'V-109', '2026-03-02', 0),    ('PO-4114', 'V-109', '2026-03-09', 0),
  ('PO-4115', 'V-110', '2026-05-11', 0),    ('PO-4116', 'V-110', '2026-05-12', 0),
  ('PO-4117', 'V-102', '2026-03-16', 0),    ('PO-4121', 'V-111', '2026-04-17', 0),
  ('PO-4122', 'V-104', '2026-04-21', 0),    ('PO-4124', 'V-101', '2026-04-14', 0),
  ('PO-4125', 'V-101', '2026-04-15', 0),    ('PO-4126', 'V-102', '2026-04-16', 0),
  ('PO-4127', 'V-104', '2026-04-17', 0),    ('PO-4129', 'V-105', '2026-04-20', 0),
  ('PO-4130', 'V-106', '2026-04-21', 0);

INSERT INTO lines (order_no, line, article, quantity, unit_cents) VALUES
  ('PO-4101', 1, 'Torque wrench 40 Nm',     12,   8950),
  ('PO-4102', 1, 'Oak board 2 m',           60,   1250), ('PO-4102', 2, 'Pine slat 3 m',  200, 185),
  ('PO-4103', 1, 'Cable 3 x 1.5, per m',   500,     92), ('PO-4103', 2, 'Junction box',    80, 240),
  ('PO-4103', 3, 'LED panel 60 x 60',       24,   3100),
  ('PO-4104', 1, 'Refrigerant cylinder',     8,  14200),
  ('PO-4105', 1, 'Carton 40 x 30',        2000,     48),
  ('PO-4106', 1, 'Angle profile 6 m',       40,   3820),
  ('PO-4107', 1, 'Desk lamp Arc',           30,   2490),
  ('PO-4108', 1, 'Degreaser 5 l',           60,   1730),
  ('PO-4109', 1, 'Degreaser 20 l',          12,   5800),
  ('PO-4110', 1, 'Steel sheet 2 mm',        20,  11200),
  ('PO-4111', 1, 'LED strip 5 m',           50,   1460),
  ('PO-4112', 1, 'Office chair Reed',       10,  18900),
  ('PO-4113', 1, 'Gripper unit G6',          4, 620000),
  ('PO-4114', 1, 'Axis controller',         15, 165000),
  ('PO-4115', 1, 'Lunch, per head',         80,   1150),
  ('PO-4116', 1, 'Conference catering',      2,  46000),
  ('PO-4117', 1, 'Larch beam 4 m',          30,   2870),
  ('PO-4121', 1, 'Rope 12 mm, per m',      400,    210),
  ('PO-4122', 1, 'Compressor oil 1 l',      24,   1990),
  ('PO-4124', 1, 'Drill bit set',          100,    340),
  ('PO-4125', 1, 'Saw blade 250',           16,   4120),
  ('PO-4126', 1, 'Plywood 12 mm',           45,   2230),
  ('PO-4127', 1, 'Fan motor',                6,  11950),
  ('PO-4129', 1, 'Pallet wrap',             50,   1900),
  ('PO-4130', 1, 'H-beam 120',               8,  21400);

-- Everything that was ordered has arrived in one delivery, but for what is said below.
INSERT INTO receipts (order_no, line, quantity, open, received_on)
  SELECT order_no, line, quantity, CASE order_no WHEN 'PO-4117' THEN 0 ELSE quantity END, date(ordered_on, '+10 days')
  FROM lines JOIN orders USING (order_no)
  WHERE order_no NOT IN ('PO-4106', 'PO-4107', 'PO-4108', 'PO-4109', 'PO-4130');
INSERT INTO receipts (order_no, line, quantity, open, received_on) VALUES
  ('PO-4106', 1, 25, 25, '2026-04-24'),
  ('PO-4107', 1,  4,  4, '2026-04-20'), ('PO-4107', 1,  4,  4, '2026-04-21'), ('PO-4107', 1,  4, 4, '2026-04-22'),
  ('PO-4107', 1,  5,  5, '2026-04-23'), ('PO-4107', 1,  5,  5, '2026-04-24'), ('PO-4107', 1,  4, 4, '2026-04-27'),
  ('PO-4107', 1,  4,  4, '2026-04-28'),
  ('PO-4108', 1, 20, 20, '2026-04-22'), ('PO-4108', 1, 20, 20, '2026-04-24'), ('PO-4108', 1, 10, 10, '2026-04-27'),
  ('PO-4108', 1, 10, 10, '2026-04-29'),
  ('PO-4109', 1,  4,  4, '2026-04-23'), ('PO-4109', 1,  4,  4, '2026-04-25'), ('PO-4109', 1,  2, 2, '2026-04-28'),
  ('PO-4109', 1,  2,  2, '2026-04-30');

INSERT INTO payments (vendor_id, invoice_no, order_no, cents, iban, paid_on, made_at) VALUES
  ('V-102', 'BS-8801', 'PO-4117', 86100, 'DE23201518671002912809', '2026-04-30', 0);
INSERT INTO invoices VALUES ('V-102', 'BS-8801', 'BS8801', 'PO-4117', 86100, 1);

-- Forty orders of one vendor, each of 9,999.00: just below what two people have to see.
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
INSERT INTO orders (order_no, vendor_id, ordered_on) SELECT printf('PO-52%02d', i), 'V-112', '2026-05-04' FROM n;
INSERT INTO lines SELECT order_no, 1, 'Advice, per day', 9, 111100 FROM orders WHERE order_no LIKE 'PO-52%';
INSERT INTO receipts (order_no, line, quantity, open, received_on)
  SELECT order_no, 1, 9, 9, '2026-05-15' FROM orders WHERE order_no LIKE 'PO-52%';

INSERT INTO troubles VALUES
  ('receipts', 'PO-4108', 'cut',  1),
  ('receipts', 'PO-4109', 'cut',  NULL),
  ('order',    'PO-4124', 'busy', 2),
  ('order',    'PO-4125', 'busy', NULL),
  ('pay',      'BS-8826', 'lost', 1),
  ('pay',      'PC-7127', 'lost', 3);
