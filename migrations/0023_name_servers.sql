-- compatible
-- Which machine a server is on, for whoever has to stop it.

alter table dpp.servers add column host_name text collate "C";
comment on column dpp.servers.host_name is 'Name of its machine or container; null: of a version that does not say';
