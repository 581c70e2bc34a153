-- compatible
-- The data dictionary, by which drafts are completed and checked. Its rows are in sql/data/attributes.sql.

create table dpp.attributes (
    tag text collate "C" not null,
    keyword text collate "C" not null,
    name text collate "C" not null,
    vr text collate "C" not null,
    vm text collate "C" not null,
    is_retired boolean not null,
    constraint attributes_pkey primary key (tag),
    constraint attributes_tag_check check (tag ~ '^[0-9A-F]{8}$'),
    constraint attributes_vr_check check (vr ~ '^[A-Z]{2}$')
);
-- However it is written: kvp is KVP.
create unique index attributes_keyword_idx on dpp.attributes (lower(keyword));
create index attributes_name_idx on dpp.attributes (lower(name));
comment on table dpp.attributes is
    'The data dictionary (PS3.6): the standard attributes that data sets and selectors may have, as the program knows them; without repeating groups. Made anew with every change of the definitions, do not write';
comment on column dpp.attributes.tag is 'Tag, eight hexadecimal digits, such as 00180060';
comment on column dpp.attributes.keyword is 'Keyword, such as KVP';
comment on column dpp.attributes.name is 'Name, such as Patient''s Age';
comment on column dpp.attributes.vr is 'Value representation; where several are allowed, the first (US of US or SS; OW of OB or OW)';
comment on column dpp.attributes.vm is 'Value multiplicity, such as 1, 1-n or 2-2n';
comment on column dpp.attributes.is_retired is 'Whether it is retired';

-- What a draft need not say (sql/functions/complete_rows.sql)
comment on column dpp.objects.sop_instance_uid is 'SOP Instance UID (0008,0018); of a draft by default dpp.new_uid()';
comment on column dpp.objects.sop_class_uid is
    'SOP Class UID (0008,0016); for a draft CT, XA and APPROVAL may be written for those of the two protocols and of Protocol Approval';
