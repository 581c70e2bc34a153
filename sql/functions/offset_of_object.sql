create or replace function dpp.offset_of_object(object_id bigint)
returns interval language plpgsql stable as $$
begin
    return (select dpp.parse_offset(o.timezone_offset) from dpp.objects as o where o.id = object_id);
end
$$;
comment on function dpp.offset_of_object(bigint) is
    'Timezone Offset From UTC (0008,0201) of an object; null when it has none';
