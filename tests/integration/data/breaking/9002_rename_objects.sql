-- breaking
-- What servers of this version do not bear.
alter table dpp.audit_events rename column status to outcome;
