-- compatible
-- A number that is beyond double precision in another unit is infinite there, or zero, where it was an error: one of an
-- index, which kept a received object from being stored. What is in the index does not change: it had none of those.

create or replace function dpp.convert_unit(number double precision, from_unit text, to_unit text)
returns double precision language plpgsql immutable parallel safe as $$
declare
    units jsonb := '{
        "A": ["current", 1], "mA": ["current", 1e-3], "uA": ["current", 1e-6], "V": ["voltage", 1],
        "mV": ["voltage", 1e-3], "kV": ["voltage", 1e3], "MV": ["voltage", 1e6], "C": ["charge", 1],
        "mC": ["charge", 1e-3], "uC": ["charge", 1e-6], "A.s": ["charge", 1], "mA.s": ["charge", 1e-3],
        "uA.s": ["charge", 1e-6], "mAs": ["charge", 1e-3], "uAs": ["charge", 1e-6], "s": ["time", 1],
        "ms": ["time", 1e-3], "us": ["time", 1e-6], "min": ["time", 60], "h": ["time", 3600], "d": ["time", 86400],
        "wk": ["time", 604800], "mo": ["time", 2629800], "a": ["time", 31557600], "m": ["length", 1],
        "dm": ["length", 1e-1], "cm": ["length", 1e-2], "mm": ["length", 1e-3], "um": ["length", 1e-6],
        "m2": ["area", 1], "cm2": ["area", 1e-4], "mm2": ["area", 1e-6], "m3": ["volume", 1], "L": ["volume", 1e-3],
        "l": ["volume", 1e-3], "dL": ["volume", 1e-4], "mL": ["volume", 1e-6], "ml": ["volume", 1e-6],
        "uL": ["volume", 1e-9], "cm3": ["volume", 1e-6], "mm3": ["volume", 1e-9], "g": ["mass", 1],
        "kg": ["mass", 1e3], "mg": ["mass", 1e-3], "ug": ["mass", 1e-6], "Gy": ["dose", 1], "dGy": ["dose", 1e-1],
        "cGy": ["dose", 1e-2], "mGy": ["dose", 1e-3], "uGy": ["dose", 1e-6], "Gy.m": ["dose length product", 1],
        "Gy.cm": ["dose length product", 1e-2], "mGy.m": ["dose length product", 1e-3],
        "mGy.cm": ["dose length product", 1e-5], "uGy.m": ["dose length product", 1e-6],
        "Gy.m2": ["dose area product", 1], "Gy.cm2": ["dose area product", 1e-4],
        "dGy.cm2": ["dose area product", 1e-5], "cGy.cm2": ["dose area product", 1e-6],
        "mGy.cm2": ["dose area product", 1e-7], "mGy.m2": ["dose area product", 1e-3],
        "uGy.m2": ["dose area product", 1e-6], "Gy/s": ["dose rate", 1], "mGy/s": ["dose rate", 1e-3],
        "uGy/s": ["dose rate", 1e-6], "Gy/min": ["dose rate", 0.016666666666666666667],
        "mGy/min": ["dose rate", 0.000016666666666666666667], "W": ["power", 1], "kW": ["power", 1e3],
        "eV": ["energy", 1], "keV": ["energy", 1e3], "MeV": ["energy", 1e6], "deg": ["angle", 1],
        "rad": ["angle", 57.295779513082320876798], "deg/s": ["angular velocity", 1],
        "rad/s": ["angular velocity", 57.295779513082320876798], "m/s": ["speed", 1], "cm/s": ["speed", 1e-2],
        "mm/s": ["speed", 1e-3], "Hz": ["frequency", 1], "/s": ["frequency", 1], "1/s": ["frequency", 1],
        "kHz": ["frequency", 1e3], "MHz": ["frequency", 1e6], "/min": ["frequency", 0.016666666666666666667],
        "1/min": ["frequency", 0.016666666666666666667], "1": ["number", 1], "%": ["number", 1e-2],
        "mL/s": ["flow", 1], "ml/s": ["flow", 1], "cm3/s": ["flow", 1], "L/s": ["flow", 1e3],
        "mL/min": ["flow", 0.016666666666666666667], "L/min": ["flow", 16.666666666666666667],
        "g/L": ["concentration", 1], "mg/mL": ["concentration", 1], "mg/cm3": ["concentration", 1],
        "mg/dL": ["concentration", 1e-2], "g/mL": ["concentration", 1e3], "kg/m2": ["mass per area", 1],
        "g/cm2": ["mass per area", 10], "[hnsf''U]": ["attenuation", 1], "HU": ["attenuation", 1]
    }';
    a jsonb := units -> from_unit;
    b jsonb := units -> to_unit;
    exact numeric;
begin
    if from_unit = to_unit or a is null or b is null then
        return number;
    elsif a -> 0 <> b -> 0 then
        return null;
    end if;
    exact := number::numeric * (a -> 1)::numeric / (b -> 1)::numeric;
    return case
        when exact = 'NaN' then 'NaN'
        when abs(exact) > 1.7976931348623157e308 then sign(exact) * double precision 'Infinity'
        when abs(exact) < 4.9406564584124655e-324 then 0
        else exact
    end;
end
$$;
