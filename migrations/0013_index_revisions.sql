-- compatible
-- Drafts of a version, and its revisions, are looked for by dpp.revise, dpp.history and the views of versions.

create index objects_revises_uid_idx on dpp.objects (revises_uid) where revises_uid is not null;
