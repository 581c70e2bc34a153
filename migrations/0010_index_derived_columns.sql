-- compatible
-- Indexes of what 0009 has filled; stores wait while they are made, queries do not.

create index protocols_creation_instant_idx on dpp.protocols (creation_instant)
    where creation_instant is not null;
create index protocols_content_creator_sounds_idx on dpp.protocols using gin (content_creator_sounds)
    with (fastupdate = off);
create index approval_asserters_person_name_sounds_idx on dpp.approval_asserters using gin (person_name_sounds)
    with (fastupdate = off);
