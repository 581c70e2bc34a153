-- compatible
-- What 0006 and 0008 have added, for the rows that are there; the triggers make it. Apart from them because adding a column
-- locks its table against every query until the end of the transaction, and a million rows take minutes: here only
-- their writers would wait.

update dpp.protocols set object_id = object_id;
update dpp.approval_asserters set object_id = object_id;
