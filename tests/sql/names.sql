-- Folding of person names: both sides of the comparison go through dpp.fold_name.
begin;
select plan(38);

select is(dpp.fold_name(v.given), v.expected, format('%L', v.given))
from (
    values
        ('Braindoc^Barry^^^MD', 'braindoc^barry^^^md'),
        ('Buc^Jérôme', 'buc^jerome'),
        (U&'Je\0301ro\0302me', 'jerome'),
        ('ÄÖÜ Straße', 'aou strasse'),
        ('STRASSE', 'strasse'),
        ('Øre^Åse', 'ore^ase'),
        ('Łukasz^Żółć', 'lukasz^zolc'),
        ('Ærø^Œuvre', 'aero^oeuvre'),
        ('Διονυσιος', 'διονυσιοσ'),
        ('ΔΙΟΝΥΣΙΟΣ', 'διονυσιοσ'),
        ('Люкceмбypг', 'люкceмбypг'),
        ('ЛЮКC', 'люкc'),
        ('İstanbul', 'istanbul'),
        ('ISTANBUL', 'istanbul'),
        ('IĞDIR', 'igdir'),
        ('Yamada^Tarou=山田^太郎=やまだ^たろう', 'yamada^tarou=山田^太郎=やまだ^たろう'),
        (U&'\304B\3099', 'が'),
        (U&'\1112\1161\11AB', '한'),
        ('Smith^John^^^', 'smith^john'),
        ('Smith^John^^^=山田^^=', 'smith^john=山田'),
        ('=山田^太郎', '=山田^太郎'),
        ('Smith^John  ', 'smith^john'),
        ('  Smith^John', 'smith^john'), ('Yamada^Tarou ^=  山田^太郎', 'yamada^tarou=山田^太郎'),
        ('===', ''), ('^^^', ''), ('', ''),
        ('Sm_th^%', 'sm_th^%'),
        ('S\_m*?', 's\_m*?')
) as v (given, expected);
select is(dpp.fold_name(null), null, 'nothing stays nothing');

select is(dpp.fold_name_entries(v.given), v.expected::text[], format('entries of %L', v.given))
from (
    values
        ('Smith^John', '{smith^john}'),
        ('Yamada^Tarou=山田^太郎', '{yamada^tarou,yamada^tarou=山田^太郎,山田^太郎}'),
        ('Smith==SMITH', '{smith,smith==smith}'),
        ('==', '{}'),
        (null, '{}')
) as v (given, expected);

-- The derived columns follow whoever writes the row.
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1');
insert into dpp.protocols (object_id, content_creator_name, instance_creation_date, instance_creation_time)
select o.id, 'Buc^Jérôme', '20150601', '1242'
from dpp.objects as o
where o.sop_instance_uid = '2.25.1';
create function pg_temp.derived()
returns text language sql as $$
    select concat_ws('|', content_creator_folded, content_creator_search, creation_date, creation_datetime)
    from dpp.protocols
$$;
select is(
    pg_temp.derived(), E'{buc^jerome}|\nbuc^jerome\n|2015-06-01|2015-06-01 12:42:00', 'derived on insert');
update dpp.protocols set content_creator_name = 'Roe^Ann', instance_creation_time = 'noon';
select is(
    pg_temp.derived(), E'{roe^ann}|\nroe^ann\n|2015-06-01', 'derived on update; without a time no date and time');
update dpp.protocols set content_creator_name = null, instance_creation_date = '20159999';
select is(pg_temp.derived(), '{}', 'no name, no entries');

select * from finish();
rollback;
