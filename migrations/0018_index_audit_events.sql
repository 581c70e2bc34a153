-- compatible
-- What dpp.audit_events is asked for. Queries, which are most of its rows, enter only the index by time, which costs them
-- nothing that can be measured; the others are partial.

-- The rows of a while, and those that are old enough to go.
create index audit_events_occurred_at_idx on dpp.audit_events using brin (occurred_at) with (pages_per_range = 32);
-- What became of an object: who stored, published and fetched it, and when.
create index audit_events_sop_instance_uid_idx on dpp.audit_events (sop_instance_uid, occurred_at)
    where sop_instance_uid is not null;
-- What a scanner has fetched: it called (C-GET), or was the destination (C-MOVE).
create index audit_events_receiver_idx on dpp.audit_events (coalesce(destination, ae_title), sop_instance_uid, occurred_at)
    where operation in ('get', 'move') and sop_instance_uid is not null;
-- What was refused: neither success nor warning nor cancelled.
create index audit_events_refused_idx on dpp.audit_events (ae_title, occurred_at)
    where status not in (0, 45056, 65024);
