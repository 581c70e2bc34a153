-- compatible
-- From here on servers have dpp.ingest take the rows of an object instead of its JSON (sql/functions/ingest.sql). The
-- tables are the same; the number tells such a server that the function it calls is there. dpp.ingest(jsonb, ...) is
-- left for servers that call it still.

comment on table dpp.dataset_warnings is
    'What was found wrong with a received object, at most the first thousand things. Nothing here keeps it from being stored, queried or retrieved';
