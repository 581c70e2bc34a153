create or replace function dpp.query_tags(sop_class_uid text)
returns text[] language sql immutable parallel safe as $$
    select case
        when sop_class_uid in ('1.2.840.10008.5.1.4.1.1.200.1', '1.2.840.10008.5.1.4.1.1.200.7') then array[
            '00080012', '00080013', '00080016', '00080018', '00080220', '00080221', '00082218', '00082228', '00120010',
            '00120020', '00181030', '00189906', '00189907', '00189908', '00189909', '0018990A', '0018990E', '00189912',
            '0040A07C', '00700084']
        when sop_class_uid = '1.2.840.10008.5.1.4.1.1.200.3' then array[
            '00080012', '00080013', '00080016', '00080018', '00080070', '00081090', '00181020', '00440100', '00440109']
    end
$$;
comment on function dpp.query_tags(text) is
    'The attributes that queries for objects of a SOP class return (PS3.4 tables HH.6-1 and II.6-1), as server/catalog/model.c has them';
