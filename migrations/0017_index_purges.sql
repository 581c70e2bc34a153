-- compatible
-- What has been purged is asked for by the state as of a time; there is little of it among audit events.

create index audit_events_purge_idx on dpp.audit_events (occurred_at) where operation = 'purge';
