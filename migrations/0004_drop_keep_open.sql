-- breaking
-- An association to a destination ends with its move: many scanners accept just one, and a place that is kept open
-- here is missing on another server. Servers of before ask for the column.

alter table dpp.application_entities drop column keep_open;
