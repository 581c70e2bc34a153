-- compatible
-- The class of an AE, which is how its operations are told apart in the metrics of the servers.

alter table dpp.application_entities
    add column ae_class text collate "C" not null default 'known',
    add constraint application_entities_ae_class_check check (ae_class ~ '^[a-z][a-z0-9_-]{0,15}$');
comment on column dpp.application_entities.ae_class is
    'What kind of peer it is, in the metrics of the servers: a word such as scanner, manager or workstation. A server tells 18 apart';
