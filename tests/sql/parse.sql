-- DICOM values as SQL values, table-driven; null is what must not be taken for a value.
begin;
select plan(120);

select is(dpp.parse_da(v.given), v.expected::date, format('date %L', v.given))
from (
    values
        ('20150601', '2015-06-01'), ('00010101', '0001-01-01'), ('99991231', '9999-12-31'), ('20240229', '2024-02-29'),
        ('20000229', '2000-02-29'), (' 20150601 ', '2015-06-01'), ('2015.06.01', '2015-06-01'),
        (null, null), ('', null), ('00000101', null), ('20230229', null), ('19000229', null), ('20151301', null),
        ('20150001', null), ('20150132', null), ('20150100', null), ('20150431', null), ('2015', null), ('201506', null),
        ('2015060', null), ('201506011', null), ('2015-06-01', null), ('2015060a', null), ('2015.0601', null),
        ('20150601-', null), (E'2015\n0601', null), ('٢٠١٥٠٦٠١', null), ('infinity', null)
) as v (given, expected);

select is(dpp.parse_tm(v.given), v.expected::time, format('time %L', v.given))
from (
    values
        ('00', '00:00:00'), ('23', '23:00:00'), ('1242', '12:42:00'), ('124200', '12:42:00'),
        ('235959', '23:59:59'), ('235960', '23:59:59.999999'), ('235960.5', '23:59:59.999999'), ('000060', '00:00:59.999999'),
        ('124200.5', '12:42:00.5'), ('124200.000001', '12:42:00.000001'), ('124200.999999', '12:42:00.999999'),
        ('124200.123456', '12:42:00.123456'), (' 1242 ', '12:42:00'), ('12:42', '12:42:00'), ('12:42:07', '12:42:07'),
        ('12:42:07.25', '12:42:07.25'), ('124207.1 ', '12:42:07.1'),
        (null, null), ('', null), ('1', null), ('24', null), ('123', null), ('1260', null), ('12345', null), ('124261', null),
        ('1242.5', null), ('124200.', null), ('124200.1234567', null), ('12:4207', null), ('-1242', null), ('1242-', null),
        ('12 42', null), ('noon', null), ('12.5', null)
) as v (given, expected);

select is(dpp.parse_offset(v.given), v.expected::interval, format('offset %L', v.given))
from (
    values
        ('+0000', '0'), ('-0000', '0'), ('+0100', '1 hour'), ('-0330', '-3 hours -30 minutes'), ('+1400', '14 hours'),
        ('-1200', '-12 hours'), ('+0545 ', '5 hours 45 minutes'),
        (null, null), ('', null), ('+1401', null), ('-1201', null), ('+1500', null), ('+0160', null), ('0100', null),
        ('+01:00', null), ('+100', null), ('+01000', null), ('Z', null), ('+٠١٠٠', null)
) as v (given, expected);

select is(
    (dpp.parse_dt(v.given), dpp.parse_dt_offset(v.given)), (v.expected::timestamp, v.utc_offset::interval),
    format('date-time %L', v.given))
from (
    values
        ('2024', '2024-01-01', null), ('202402', '2024-02-01', null), ('20240229', '2024-02-29', null),
        ('2024022910', '2024-02-29 10:00', null), ('202402291030', '2024-02-29 10:30', null),
        ('20240229103015', '2024-02-29 10:30:15', null), ('20240229103015.25', '2024-02-29 10:30:15.25', null),
        ('20240229235960', '2024-02-29 23:59:59.999999', null), (' 20240229 ', '2024-02-29', null),
        ('20240229103015.123456+0100', '2024-02-29 10:30:15.123456', '1 hour'),
        ('20240229103015-0500', '2024-02-29 10:30:15', '-5 hours'), ('2024-1200', '2024-01-01', '-12 hours'),
        ('2024+0000', '2024-01-01', '0'), ('20240229+1400 ', '2024-02-29', '14 hours'),
        (null, null, null), ('', null, null), ('0000', null, null), ('202413', null, null), ('20230229', null, null),
        ('202', null, null), ('20240', null, null), ('2024022', null, null), ('202402291', null, null),
        ('2024022924', null, null), ('202402291060', null, null), ('20240229103061', null, null),
        ('20240229103015.', null, null), ('20240229103015.1234567', null, null), ('20240229103015+01', null, null),
        ('20240229103015+1500', null, null), ('20240229103015-1201', null, null), ('2024-0500-', null, null),
        ('2024-2025', null, null), ('20240229 1030', null, null), ('2024.02.29', null, null),
        ('2024022910:30', null, null), ('today', null, null)
) as v (given, expected, utc_offset);

select is(
    dpp.instant_of(timestamp '2024-02-29 10:30', interval '-5 hours'), timestamptz '2024-02-29 15:30+00',
    'an instant is the local time less its offset');
select is(dpp.instant_of(timestamp '2024-02-29 10:30', null), null, 'a local time alone is no instant');

select * from finish();
rollback;
