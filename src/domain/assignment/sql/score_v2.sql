-- Whether an answer says what the known one says. A number or truth value and the text that is written like it are the
-- same: presenters give what was typed as text, and a table's cell 5 is a number. Texts are compared letter by letter.
create or replace function same_answer_v1(p_known jsonb, p_info jsonb) returns boolean language sql immutable as $$
  select coalesce(case
    when p_known = p_info then true
    when jsonb_typeof(p_known) = 'array' and jsonb_typeof(p_info) = 'array' then
      jsonb_array_length(p_known) = jsonb_array_length(p_info)
        and not exists (select from jsonb_array_elements(p_known) with ordinality as k (value, n)
                         where not same_answer_v1(k.value, p_info -> (k.n - 1)::int))
    when jsonb_typeof(p_known) = 'object' and jsonb_typeof(p_info) = 'object' then
      (select count(*) from jsonb_object_keys(p_known)) = (select count(*) from jsonb_object_keys(p_info))
        and not exists (select from jsonb_each(p_known) where not same_answer_v1(value, p_info -> key))
    when jsonb_typeof(p_info) = 'string' and jsonb_typeof(p_known) in ('number', 'boolean') then
      case when jsonb_typeof(p_known) = 'boolean' then lower(btrim(p_info #>> '{}')) = p_known #>> '{}'
           when p_info #>> '{}' ~ '^\s*[-+]?\d{1,30}(\.\d{1,30})?\s*$'
           then (p_info #>> '{}')::numeric = (p_known #>> '{}')::numeric end
    when jsonb_typeof(p_known) = 'string' and jsonb_typeof(p_info) in ('number', 'boolean') then
      same_answer_v1(p_info, p_known)
  end, false)
$$;

-- How well an answer to a calibration task fits the one its owner knows, from 0 to 1: the share of the known fields
-- that are the same, or all or nothing where the known answer is no object.
create or replace function score_v1(p_known jsonb, p_info jsonb) returns real language sql immutable as $$
  select case
    when p_known is null then null
    when jsonb_typeof(p_known) <> 'object' or p_known = '{}' then same_answer_v1(p_known, p_info)::int::real
    else (select (count(*) filter (where same_answer_v1(value, p_info -> key)))::real / count(*)
            from jsonb_each(p_known))
  end
$$;
