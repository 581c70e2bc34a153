-- breaking
-- What servers of this version do not bear is not what matters: they are to be kept from seeing it.
alter table dpp.audit_events add constraint audit_events_id_check check (id <> 0);
