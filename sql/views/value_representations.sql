-- What values of a VR look like (PS3.5 6.2) where a text holds them. Dates, times, person names and numbers have rules beside
-- the pattern: dpp.value_fault. Patterns are of PostgreSQL and match the whole value.
--
-- Control characters: none, but in texts line feed, form feed, carriage return and tab. A backslash would divide values
-- where there may be several.
create or replace view dpp.value_representations as
select v.vr, v.max_length, v.pattern, v.low, v.high, v.is_ordered, v.rule
from (
    values
        ('AE', 16, '[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*', null::numeric, null::numeric, false,
            'up to 16 ASCII characters without backslash, not only spaces'),
        ('AS', 4, '[0-9]{3}[DWMY]', null, null, true, 'three digits and D, W, M or Y, such as 016Y'),
        ('AT', 8, '[0-9A-F]{8}', null, null, false, 'a tag of eight hexadecimal digits, such as 00180060'),
        ('CS', 16, '[A-Z0-9 _]*', null, null, false, 'up to 16 capital letters, digits, spaces and underscores'),
        ('DA', 8, '[0-9]{8}', null, null, true, 'a date as YYYYMMDD'),
        ('DS', 16, ' *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)? *', null, null, true,
            'a decimal number of up to 16 characters'),
        ('DT', 26, '[0-9]{4}.*', null, null, true, 'a date-time as YYYYMMDDHHMMSS.FFFFFF+ZZXX, cut off anywhere but in between'),
        ('FD', null, '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?', null, null, true, 'a number'),
        ('FL', null, '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?', -3.4028234e38, 3.4028234e38, true,
            'a number of single precision'),
        ('IS', 12, ' *[+-]?[0-9]+ *', -2147483648, 2147483647, true, 'a whole number from -2147483648 to 2147483647'),
        ('LO', 64, '[^\\[:cntrl:]]*', null, null, false, 'up to 64 characters without backslash and control characters'),
        ('LT', 10240, '([^[:cntrl:]]|[\t\n\f\r])*', null, null, false, 'up to 10240 characters'),
        ('PN', null, '[^\\[:cntrl:]]*', null, null, false,
            'a person name: up to three groups divided by =, each up to 64 characters and five components divided by ^'),
        ('SH', 16, '[^\\[:cntrl:]]*', null, null, false, 'up to 16 characters without backslash and control characters'),
        ('SL', null, '-?[0-9]+', -2147483648, 2147483647, true, 'a whole number from -2147483648 to 2147483647'),
        ('SQ', null, '[^\\^[:cntrl:]]{1,16}\^[^\\^[:cntrl:]]{1,16}\^[^\\[:cntrl:]]{1,64}', null, null, false,
            'a code as value^scheme^meaning, of up to 16, 16 and 64 characters'),
        ('SS', null, '-?[0-9]+', -32768, 32767, true, 'a whole number from -32768 to 32767'),
        ('ST', 1024, '([^[:cntrl:]]|[\t\n\f\r])*', null, null, false, 'up to 1024 characters'),
        ('SV', null, '-?[0-9]+', -9223372036854775808, 9223372036854775807, true, 'a whole number of 64 bits'),
        ('TM', 14, '[0-9]{2}.*', null, null, true, 'a time as HHMMSS.FFFFFF, cut off anywhere but in between'),
        ('UC', null, '[^\\[:cntrl:]]*', null, null, false, 'characters other than backslash and control characters'),
        ('UI', 64, '(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*', null, null, false,
            'a UID: up to 64 digits and dots, no component with a leading zero'),
        ('UL', null, '[0-9]+', 0, 4294967295, true, 'a whole number from 0 to 4294967295'),
        ('UR', null, '[!-\[\]-~]+', null, null, false, 'a URI: ASCII characters without spaces and backslash'),
        ('US', null, '[0-9]+', 0, 65535, true, 'a whole number from 0 to 65535'),
        ('UT', null, '([^[:cntrl:]]|[\t\n\f\r])*', null, null, false, 'text'),
        ('UV', null, '[0-9]+', 0, 18446744073709551615, true, 'an unsigned whole number of 64 bits')
) as v (vr, max_length, pattern, low, high, is_ordered, rule);

comment on view dpp.value_representations is
    'What a text has to look like to be a value of a VR (PS3.5 6.2). Binary VRs are not here: their values are in other_attributes';
comment on column dpp.value_representations.vr is 'Value representation, such as DS';
comment on column dpp.value_representations.max_length is 'Most characters of a value (of a component group for PN); null: no bound here';
comment on column dpp.value_representations.pattern is 'Regular expression for the whole value';
comment on column dpp.value_representations.low is 'Least number; null: none';
comment on column dpp.value_representations.high is 'Greatest number; null: none';
comment on column dpp.value_representations.is_ordered is
    'Whether ranges and other constraint types that need an order may be used (PS3.3 10.25)';
comment on column dpp.value_representations.rule is 'The rule in words';
