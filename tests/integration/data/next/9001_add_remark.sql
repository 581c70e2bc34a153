-- compatible
-- What a next version may do while servers of this one run: a column more in a table that they write, an index, a column
-- in the one that they read their rights from.
alter table dpp.objects add column remark text;
alter table dpp.application_entities add column remark text not null default '';
create index objects_remark on dpp.objects (remark);
comment on column dpp.objects.remark is 'What a next version has to say';
comment on column dpp.application_entities.remark is 'What a next version has to say';
