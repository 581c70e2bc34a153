-- What is wrong with a data set is told, where it is, and never keeps it out.
begin;
set local jit = off;

create temporary table cases (n int generated always as identity, more jsonb, expected text[]);
insert into cases (more, expected)
values
    -- nothing wrong: absent, empty, private, unknown
    ('{}', null),
    ('{"00181030": {"vr": "LO"}, "00189912": {"vr": "SQ"}, "00189908": {"vr": "UC", "Value": []}}', null),
    ('{"00091001": {"vr": "DS", "Value": ["x", "y"]}, "00100010": {"vr": "LO", "Value": [1]}}', null),
    ('{"0018990F": {"vr": "UT", "Value": ["a\r\nb"]}, "00181020": {"vr": "LO", "Value": ["1", null, "2"]}}', null),
    -- values
    ('{"00181030": {"vr": "LO", "Value": ["a", "b"]}}', '{00181030 has 2 values instead of one}'),
    ('{"00181030": {"vr": "SH", "Value": ["a"]}}', '{00181030 has VR SH instead of LO}'),
    ('{"00181030": {"Value": ["a"]}}', '{00181030 has VR unknown instead of LO}'),
    ('{"00181030": {"vr": "UN", "InlineBinary": "AAEC"}}', '{00181030 is binary with VR UN instead of LO}'),
    ('{"00181030": {"vr": "LO", "Value": [7]}}', '{00181030 has a value that is no text}'),
    ('{"00181030": {"vr": "LO", "Value": [["a"]]}}', '{00181030 has a value that is no text}'),
    ('{"00181030": {"vr": "LO", "Value": "a"}}', '{00181030 is no attribute in DICOM JSON}'),
    ('{"00181030": "a"}', '{00181030 is no attribute in DICOM JSON}'),
    ('{"00181030": null}', '{00181030 is no attribute in DICOM JSON}'),
    ('{"00181020": {"vr": "LO", "Value": [1, 2]}}', '{00181020 has a value that is no text}'),
    ('{"00700084": {"vr": "PN", "Value": ["a^b"]}}', '{00700084 has a value that is no person name}'),
    ('{"00700084": {"vr": "PN", "Value": [{"Alphabetic": "a", "Latin": "b"}]}}', '{00700084 has a value that is no person name}'),
    ('{"00700084": {"vr": "PN", "Value": [{"Alphabetic": "a"}, {"Alphabetic": "b"}]}}', '{00700084 has 2 values instead of one}'),
    ('{"00080012": {"vr": "DA", "Value": ["2015-06-01"]}}', '{00080012 has a value that is no date: 2015-06-01}'),
    ('{"00080012": {"vr": "DA", "Value": ["20150230"]}}', '{00080012 has a value that is no date: 20150230}'),
    ('{"00080013": {"vr": "TM", "Value": ["2500"]}}', '{00080013 has a value that is no time: 2500}'),
    ('{"00080012": {"vr": "DA", "Value": [20150601]}}', '{00080012 has a value that is no text}'),
    ('{"00080221": {"vr": "CS", "Value": [true]}}', '{00080221 has a value that is no text}'),
    -- sequences and what is in them
    ('{"00189912": {"vr": "SQ", "Value": ["a"]}}', '{00189912 has an item that is none}'),
    ('{"00189912": {"vr": "SQ", "Value": [{}, null]}}', '{00189912 has an item that is none}'),
    ('{"00189912": {"vr": "SQ", "Value": {}}}', '{00189912 is no attribute in DICOM JSON}'),
    ('{"00189912": {"vr": "LO", "Value": ["a"]}}', '{00189912 has VR LO instead of SQ}'),
    ('{"00189912": {"vr": "SQ", "Value": [{}, {"00081090": {"vr": "LO", "Value": ["a", "b"]}}]}}',
     '{00189912[2].00081090 has 2 values instead of one}'),
    ('{"0040A07C": {"vr": "SQ", "Value": [{"00080082": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": [1]}}]}}]}}',
     '{0040A07C[1].00080082[1].00080100 has a value that is no text}'),
    ('{"0040A07C": {"vr": "SQ", "Value": [{"00080080": {"vr": "ST", "Value": ["x"]}}]}}', '{0040A07C[1].00080080 has VR ST instead of LO}'),
    ('{"00082218": {"vr": "SQ", "Value": [{"00080121": {"vr": "SQ", "Value": [{}, {"00080104": {"vr": "LO", "Value": ["a", "b"]}}]}}]}}',
     '{00082218[1].00080121[2].00080104 has 2 values instead of one}'),
    ('{"0018990E": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1", "2"]}}]}}',
     '{0018990E[1].00081155 has 2 values instead of one}'),
    ('{"00189914": {"vr": "SQ", "Value": [{"00189915": {"vr": "US", "Value": ["1"]}}]}}',
     '{00189914[1].00189915 has a value that is no integer}'),
    ('{"0018991B": {"vr": "SQ", "Value": [{"00189915": {"vr": "US", "Value": [1.5]}}]}}',
     '{0018991B[1].00189915 has a value that is no integer}'),
    ('{"00189933": {"vr": "SQ", "Value": [{}, {"00189921": {"vr": "US", "Value": [1e20]}}]}}',
     '{00189933[2].00189921 has a value that is no integer}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": ["x"]}}]}}',
     '{0018991F[1].00189913 has an item that is none}'),
    -- constraints
    ('{"00189911": {"vr": "SQ", "Value": [{"00820032": {"vr": "CS", "Value": ["ABOUT"]}}]}}',
     '{00189911[1].00820032 has an unknown value: ABOUT}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [{"00820038": {"vr": "CS", "Value": ["MAYBE"]}}]}}]}}',
     '{0018991F[1].00189913[1].00820038 has an unknown value: MAYBE}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [{"00720050": {"vr": "CS", "Value": ["QQ"]}}]}}]}}',
     '{0018991F[1].00189913[1].00720050 has an unknown value: QQ}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [
        {"00720050": {"vr": "CS", "Value": ["DS"]}, "00820034": {"vr": "SQ", "Value": [{"00720072": {"vr": "DS", "Value": ["12O"]}}]}}]}}]}}',
     '{0018991F[1].00189913[1].00820034 has a value that is no number: 12O}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [
        {"00720050": {"vr": "CS", "Value": ["FD"]}, "00820035": {"vr": "SQ", "Value": [{"00720074": {"vr": "FD", "Value": [null]}}]}}]}}]}}',
     '{"0018991F[1].00189913[1].00820035 has a value that is no number: "}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [{"00741057": {"vr": "IS", "Value": ["one"]}}]}}]}}',
     '{0018991F[1].00189913[1].00741057 has a value that is no integer in plain spelling}'),
    ('{"0018991F": {"vr": "SQ", "Value": [{"00189913": {"vr": "SQ", "Value": [{"004008EA": {"vr": "SQ", "Value": [{}, {}]}}]}}]}}',
     '{0018991F[1].00189913[1].004008EA has 2 values instead of one}'),
    -- several at once, in the order of their tags
    ('{"00181030": {"vr": "LO", "Value": [1]}, "00080013": {"vr": "TM", "Value": ["x"]}, "00120010": {"vr": "LO", "Value": ["a", "b"]}}',
     '{00080013 has a value that is no time: x,00120010 has 2 values instead of one,00181030 has a value that is no text}');

select plan(4 + (select count(*) from cases)::int);
select is(
    (
        select array_agg(distinct dpp_test.store(dpp_test.dataset('2.25.' || c.n, c.more))) from cases as c
    ),
    array['stored'], 'all are stored');
select is(
    (
        select array_agg(concat_ws(' ', w.attribute, w.warning) order by w.ordinal)
        from dpp.dataset_warnings as w
        join dpp.objects as o on o.id = w.object_id
        where o.sop_instance_uid = '2.25.' || c.n
    ),
    c.expected, left(c.more::text, 100))
from cases as c
order by c.n;

-- Those of the caller come first.
select is(
    dpp_test.store(
        dpp_test.dataset('2.26', '{"00181030": {"vr": "LO", "Value": [1]}}'), 'a', array['one', 'two']),
    'stored', 'with warnings of the caller');
select results_eq(
    $$select * from dpp_test.rows_of('
        select w.ordinal, w.attribute, w.warning
        from dpp.dataset_warnings as w
        join dpp.objects as o on o.id = w.object_id
        where o.sop_instance_uid = ''2.26''
        order by 1')$$,
    array['(1,,one)', '(2,,two)', '(3,00181030,"has a value that is no text")'],
    'the caller''s warnings, then those found here');
select results_eq(
    $$select * from dpp_test.rows_of('
        select p.instance_creation_date, p.creation_date, p.creation_datetime
        from dpp.protocols as p
        where p.instance_creation_date = ''20150230'' ')$$,
    array['(20150230,,)'],
    'a date that is none stays as written and is no date');

select * from finish();
rollback;
