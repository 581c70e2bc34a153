-- Folding of person names: both sides of the comparison go through dpp.fold_name.
begin;
set dpp.maintenance = on; -- published rows are made by hand
select plan(63);

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

select is(cardinality(dpp.name_sounds(repeat('ab ', 20000))), 1334, 'a name is read as far as 2,001 characters');

-- Fuzzy matching: words and their codes by component group.
select is(dpp.name_sounds(v.given), v.expected::text[], format('sounds of %L', v.given))
from (
    values
        ('Smith^John', '{1=smith,1~SM0,1~XMT,1=john,1~JN,1~AN}'),
        ('SMITH^^^Mr^', '{1=smith,1~SM0,1~XMT,1=mr,1~MR}'),
        ('Müller', '{1=muller,1~MLR}'),
        (U&'Mu\0308ller', '{1=muller,1~MLR}'),
        ('de la Cruz-Peña', '{1=de,1~T,1=la,1~L,1=cruz,1~KRS,1=pena,1~PN}'),
        ('O''Brien', '{1=o''brien,1~APRN}'),
        ('Yamada^Tarou=山田^太郎', '{1=yamada,1~AMT,1=tarou,1~TR,2=山田,2=太郎}'),
        ('==やまだ　たろう', '{3=やまだ,3=たろう}'),
        ('Doc 2nd', '{1=doc,1~TK,1=2nd}'),
        ('Doc ' || repeat('ж', 1000), '{1=doc,1~TK,1=' || repeat('ж', 1000) || '}'),
        ('Doc ' || repeat('ж', 1001), '{1=doc,1~TK}'),
        ('a=b=c=d', '{1=a,1~A,2=b,2~P,3=c,3~K}'),
        ('h', '{1=h}'),
        ('^^^', '{}'), ('', '{}'), (null, '{}')
) as v (given, expected);
select is(dpp.word_sounds(v.given, 2), v.expected::text[], format('%L is looked for by', v.given))
from (
    values
        ('Smith', '{2~SM0,2~XMT}'), ('OBrien', '{2~APRN}'), ('o’brien', '{2~APRN}'), ('山田', '{2=山田}'), ('2nd', '{2=2nd}'),
        ('h', '{2=h}'), ('', '{}'), (U&'\0301', '{}')
) as v (given, expected);

-- The derived columns follow whoever writes the row.
insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('2.25.1', '1.2.840.10008.5.1.4.1.1.200.1');
insert into dpp.protocols (object_id, content_creator_name, instance_creation_date, instance_creation_time)
select o.id, 'Buc^Jérôme', '20150601', '1242'
from dpp.objects as o
where o.sop_instance_uid = '2.25.1';
create function pg_temp.derived()
returns text language sql as $$
    select concat_ws(
        '|', content_creator_folded, content_creator_search, content_creator_sounds, creation_date, creation_datetime)
    from dpp.protocols
$$;
select is(
    pg_temp.derived(), E'{buc^jerome}|\nbuc^jerome\n|{1=buc,1~PK,1=jerome,1~JRM,1~ARM}|2015-06-01|2015-06-01 12:42:00', 'derived on insert');
update dpp.protocols set content_creator_name = 'Roe^Ann', instance_creation_time = 'noon';
select is(
    pg_temp.derived(), E'{roe^ann}|\nroe^ann\n|{1=roe,1~R,1=ann,1~AN}|2015-06-01', 'derived on update; without a time no date and time');
update dpp.protocols set content_creator_name = null, instance_creation_date = '20159999';
select is(pg_temp.derived(), '{}|{}', 'no name, no entries');

select * from finish();
rollback;
