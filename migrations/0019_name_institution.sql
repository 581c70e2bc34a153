-- compatible
-- The institution that approvals made here are for, and what takes back "approved for use at the institution".

alter table dpp.repository
    add column institution text collate "C",
    add constraint repository_institution_check
        check (institution ~ '^[^^\\[:cntrl:]]+\^[^^\\[:cntrl:]]+\^[^\\[:cntrl:]]+$');
comment on column dpp.repository.institution is
    'Institution that dpp.approve speaks for unless told otherwise: VALUE^SCHEME^MEANING, such as MERCY^99MERCY^Mercy Hospital; null: none';

update dpp.assertion_codes set withdraws = '{*,128603}' where code = '128623';
