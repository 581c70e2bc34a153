-- compatible
-- What the import of authoring documents remembers of each, so that the same document a second time is known as such. The
-- rows of a protocol cannot tell: an author may have changed the draft, and publishing completes it.

create table dpp.authored_documents (
    object_id bigint not null,
    document_id text collate "C",
    digest bytea not null,
    constraint authored_documents_pkey primary key (object_id),
    constraint authored_documents_object_id_fkey
        foreign key (object_id) references dpp.objects (id) on delete cascade,
    constraint authored_documents_digest_check check (length(digest) = 32)
);
comment on table dpp.authored_documents is
    'Authoring documents that dpp.import_protocol made a protocol of';
comment on column dpp.authored_documents.object_id is 'The protocol';
comment on column dpp.authored_documents.document_id is 'The id that the document gives itself; null: none';
comment on column dpp.authored_documents.digest is
    'SHA-256 of the document, with its members in the order of jsonb and without white space (dpp.document_digest)';
