-- Old bookings, a hundred live claims on each old stock, copied from a booking that is there: whatever
-- columns it has, they have. A resident is at one place at a time: 2,000 of them, half an hour each.
CREATE TEMP TABLE one AS SELECT b.id AS booking, bs.slot_id AS slot, cs.stock_id AS stock
  FROM booking b JOIN booking_slot bs ON bs.booking_id = b.id JOIN claim_stock cs ON cs.claim_id = b.id
  WHERE b.state = 'confirmed' LIMIT 1;
CREATE FUNCTION pg_temp.old(kind int, n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS
  $$ SELECT (lpad(to_hex(kind), 8, '0') || lpad(to_hex(n), 24, '0'))::uuid $$;
INSERT INTO stock SELECT r.* FROM stock s, one, generate_series(0, $old / 100 - 1) g,
  jsonb_populate_record(s, jsonb_build_object('id', pg_temp.old(1, g), 'tag', 'old-' || g / 24,
    'capacity', 1000, 'used', 100)) r WHERE s.id = one.stock;
INSERT INTO slot SELECT r.* FROM slot s, one, generate_series(0, $old / 100 - 1) g,
  jsonb_populate_record(s, jsonb_build_object('id', pg_temp.old(2, g),
    'on_date', s.on_date - 1 - g / 24, 'starts_at', s.starts_at - make_interval(days => 1 + g / 24, mins => g % 24 * 30),
    'ends_at', s.ends_at - make_interval(days => 1 + g / 24, mins => g % 24 * 30))) r WHERE s.id = one.slot;
INSERT INTO booking SELECT r.* FROM booking b, one, generate_series(0, $old - 1) g,
  jsonb_populate_record(b, jsonb_build_object('id', pg_temp.old(3, g), 'resident_id', pg_temp.old(4, g % 2000),
    'starts_at', b.starts_at - make_interval(days => 1, mins => g / 2000 * 30),
    'ends_at', b.ends_at - make_interval(days => 1, mins => g / 2000 * 30))) r WHERE b.id = one.booking;
INSERT INTO booking_slot SELECT pg_temp.old(3, g), pg_temp.old(2, g / 100) FROM generate_series(0, $old - 1) g;
INSERT INTO claim SELECT r.* FROM claim c, one, generate_series(0, $old - 1) g,
  jsonb_populate_record(c, jsonb_build_object('id', pg_temp.old(3, g), 'digest', md5(g::text))) r
  WHERE c.id = one.booking;
INSERT INTO claim_stock SELECT r.* FROM claim_stock c, one, generate_series(0, $old - 1) g,
  jsonb_populate_record(c, jsonb_build_object('claim_id', pg_temp.old(3, g), 'stock_id', pg_temp.old(1, g / 100))) r
  WHERE c.claim_id = one.booking AND c.stock_id = one.stock;
INSERT INTO booking_presence SELECT r.* FROM booking_presence p, one, generate_series(0, $old - 1) g,
  jsonb_populate_record(p, jsonb_build_object('booking_id', pg_temp.old(3, g), 'resident_id', pg_temp.old(4, g % 2000),
    'starts_at', p.starts_at - make_interval(days => 1, mins => g / 2000 * 30))) r WHERE p.booking_id = one.booking;
ANALYZE;
