-- compatible
-- Places for associations to move destinations, so that max_associations of dpp.application_entities holds over all
-- servers. A place is a lease, not a lock of a session: it works through a pooler, needs no connection while the
-- destination is slow, and the places of a server that died are free again when they expire.

create table dpp.destination_slots (
    ae_title text collate "C" not null,
    slot int not null,
    holder text collate "C" not null,
    taken_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    constraint destination_slots_pkey primary key (ae_title, slot),
    constraint destination_slots_slot_check check (slot > 0)
);
comment on table dpp.destination_slots is
    'One association that a server has, or is about to open, to a move destination; written by the servers themselves';
comment on column dpp.destination_slots.ae_title is 'AE title of the destination';
comment on column dpp.destination_slots.slot is 'Place, from 1 to max_associations of the destination';
comment on column dpp.destination_slots.holder is 'Who has it: host, process and a random number, unique for each move';
comment on column dpp.destination_slots.taken_at is 'When it was taken';
comment on column dpp.destination_slots.expires_at is 'From then on the place is free again; moved on while the association is open';
