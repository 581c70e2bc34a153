-- Every attribute of a stored data set is in a column or in other_attributes: writing the rows out again
-- (tests/support/dataset_of.sql) gives the data set that went in, for the sample library and for values that do not fit.
begin;
set local jit = off;
set local enable_seqscan = off;
select plan(8);

-- The sample library, one data set a line.
create temporary table samples (dataset jsonb);
\copy samples from program 'for f in samples/dicom/*.json; do tr -d "\n\r" < $f; echo; done' with (format csv, quote e'\x01', delimiter e'\x02')
select cmp_ok((select count(*) from samples), '>', 50::bigint, 'the sample library has been read');
select is(
    (select array_agg(distinct dpp_test.store(dataset)) from samples), array['stored'],
    'all samples are stored');
select is_empty(
    $$select dataset -> '00181030' from samples where dpp_test.dataset_of(dataset #>> '{00080018,Value,0}') is distinct from dataset$$,
    'samples come out of the rows as they went in');
select is_empty(
    $$select w.attribute, w.warning from dpp.dataset_warnings as w$$,
    'samples cause no warnings');
-- Otherwise the comparison above would pass with everything in other_attributes.
select is_empty(
    $$select c.other_attributes from dpp.parameter_constraints as c where c.other_attributes <> '{}'$$,
    'columns say all there is in the constraints of the samples');

-- Each attribute of each level, damaged in each way.
create temporary table damages (name text, damage jsonb);
insert into damages values
    ('empty', '{"vr": "XX"}'),
    ('empty list', '{"vr": "XX", "Value": []}'),
    ('null value', '{"vr": "XX", "Value": [null]}'),
    ('empty text', '{"vr": "XX", "Value": [""]}'),
    ('two values', '{"vr": "XX", "Value": ["a", "b"]}'),
    ('value and null', '{"vr": "XX", "Value": ["a", null]}'),
    ('null and value', '{"vr": "XX", "Value": [null, "a"]}'),
    ('number', '{"vr": "XX", "Value": [1.50]}'),
    ('negative', '{"vr": "XX", "Value": [-1]}'),
    ('huge number', '{"vr": "XX", "Value": [1e400]}'),
    ('boolean', '{"vr": "XX", "Value": [true]}'),
    ('object', '{"vr": "XX", "Value": [{"00080100": {"vr": "SH", "Value": ["a"]}}]}'),
    ('object and text', '{"vr": "XX", "Value": [{"00080100": {"vr": "SH", "Value": ["a"]}}, "b"]}'),
    ('list in list', '{"vr": "XX", "Value": [["a"]]}'),
    ('value is text', '{"vr": "XX", "Value": "a"}'),
    ('value is object', '{"vr": "XX", "Value": {"0": "a"}}'),
    ('value is null', '{"vr": "XX", "Value": null}'),
    ('binary', '{"vr": "XX", "InlineBinary": "AAEC"}'),
    ('bulk data', '{"vr": "XX", "BulkDataURI": "x"}'),
    ('escapes', '{"vr": "XX", "Value": ["a\"b\\c\nd\te"]}'),
    ('no vr', '{"Value": ["a"]}'),
    ('vr is number', '{"vr": 1, "Value": ["a"]}'),
    ('other vr', '{"vr": "ZZ", "Value": ["a"]}'),
    ('text', '"a"'),
    ('list', '["a"]'),
    ('number alone', '1'),
    ('not at all', 'null'),
    ('nothing', '{}');

create temporary table places (place text[], vr text);
insert into places
select array[a.tag], a.vr
from (values
    ('00080005', 'CS'), ('00080012', 'DA'), ('00080013', 'TM'), ('00080070', 'LO'), ('00080201', 'SH'), ('00080220', 'SQ'),
    ('00080221', 'CS'), ('00081090', 'LO'), ('00082218', 'SQ'), ('00082228', 'SQ'), ('00120010', 'LO'), ('00120020', 'LO'),
    ('00120021', 'LO'), ('00181000', 'LO'), ('00181020', 'LO'), ('00181030', 'LO'), ('00189906', 'SQ'), ('00189907', 'SQ'),
    ('00189908', 'UC'), ('00189909', 'SQ'), ('0018990A', 'UC'), ('0018990B', 'SQ'), ('0018990E', 'SQ'), ('0018990F', 'UT'),
    ('00189910', 'UT'), ('00189911', 'SQ'), ('00189912', 'SQ'), ('00189914', 'SQ'), ('0018991B', 'SQ'), ('0018991C', 'SQ'),
    ('0018991F', 'SQ'), ('00189933', 'SQ'), ('00189935', 'SQ'), ('00189947', 'CS'), ('0040A07C', 'SQ'), ('00700084', 'PN'),
    ('00091001', 'UN')) as a (tag, vr)
union all
select array[s.tag, 'Value', '0', a.tag], a.vr
from (values ('00080220'), ('00082218'), ('0018990B')) as s (tag)
cross join (values
    ('00080100', 'SH'), ('00080102', 'SH'), ('00080103', 'SH'), ('00080104', 'LO'), ('00080119', 'UC'), ('00080120', 'UR'),
    ('00080121', 'SQ'), ('00082220', 'SQ')) as a (tag, vr)
union all
select array['00189912', 'Value', '0', a.tag], a.vr
from (values
    ('00080070', 'LO'), ('00080222', 'LO'), ('00081090', 'LO'), ('00181020', 'LO'), ('00181000', 'LO'), ('300A0420', 'SQ'))
    as a (tag, vr)
union all
select array['0040A07C', 'Value', '0', a.tag], a.vr
from (values ('00080080', 'LO'), ('00080082', 'SQ')) as a (tag, vr)
union all
select array['0018990E', 'Value', '0', a.tag], a.vr
from (values ('00081150', 'UI'), ('00081155', 'UI')) as a (tag, vr)
union all
select array['00189914', 'Value', '0', a.tag], a.vr
from (values ('00189915', 'US'), ('00189916', 'LO'), ('00189917', 'UT')) as a (tag, vr)
union all
select array['0018991F', 'Value', '0', a.tag], a.vr
from (values ('00189921', 'US'), ('00189922', 'LO'), ('00189924', 'UT'), ('00189913', 'SQ')) as a (tag, vr)
union all
select p.place || a.tag, a.vr
from (values
    (array['00189911', 'Value', '0']), (array['0018991F', 'Value', '0', '00189913', 'Value', '0'])) as p (place)
cross join (values
    ('00720026', 'AT'), ('00820019', 'LO'), ('00820018', 'LO'), ('00720050', 'CS'), ('00720028', 'US'),
    ('00720056', 'LO'), ('00720052', 'AT'), ('00741057', 'IS'), ('00820032', 'CS'), ('00820034', 'SQ'), ('00820035', 'SQ'),
    ('004008EA', 'SQ'), ('00820036', 'CS'), ('00820037', 'UT'), ('00820033', 'UT'), ('00820038', 'CS')) as a (tag, vr);

create function pg_temp.undamaged()
returns jsonb language sql immutable as $$
    select jsonb '{
        "00080220": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["a"]}}]},
        "00082218": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["a"]}}]},
        "0018990B": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["a"]}}]},
        "0018990E": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
        "00189911": {"vr": "SQ", "Value": [{"00720050": {"vr": "CS", "Value": ["AS"]}}]},
        "00189912": {"vr": "SQ", "Value": [{"00081090": {"vr": "LO", "Value": ["a"]}}]},
        "00189914": {"vr": "SQ", "Value": [{"00189915": {"vr": "US", "Value": [1]}}]},
        "0018991F": {"vr": "SQ", "Value": [{
            "00189921": {"vr": "US", "Value": [1]},
            "00189913": {"vr": "SQ", "Value": [{
                "00720050": {"vr": "CS", "Value": ["DS"]},
                "00820032": {"vr": "CS", "Value": ["EQUAL"]},
                "00820034": {"vr": "SQ", "Value": [{"00720072": {"vr": "DS", "Value": ["1"]}}]}
            }]}
        }]},
        "0040A07C": {"vr": "SQ", "Value": [{"00080080": {"vr": "LO", "Value": ["a"]}}]}
    }'
$$;

create temporary table damaged as
select
    p.place, d.name, '2.25.7' || row_number() over () as uid,
    jsonb_set(
        pg_temp.undamaged(), p.place,
        case when d.damage ->> 'vr' = 'XX' then jsonb_set(d.damage, '{vr}', to_jsonb(p.vr)) else d.damage end) as more
from places as p
cross join damages as d;
select is(
    (select array_agg(distinct dpp_test.store(dpp_test.dataset(uid, more))) from damaged), array['stored'],
    'no damage keeps a data set from being stored');
select is_empty(
    $$
        select place, name
        from damaged
        where dpp_test.dataset_of(uid) is distinct from dpp_test.dataset(uid, more)
    $$,
    'damaged data sets come out of the rows as they went in');
-- Damage below the SOP UIDs is not looked at here: without them nothing can be stored (ingest_outcomes).
select cmp_ok((select count(*) from damaged), '>', 2500::bigint, 'there were many of them');

select * from finish();
rollback;
