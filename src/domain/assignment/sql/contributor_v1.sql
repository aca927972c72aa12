-- The contributor row of somebody who is about to request a task; made on first sight.
create function contributor_v1(
  p_kind text, p_user bigint, p_device uuid, p_project bigint, p_external text, p_address bytea, p_ip text
) returns bigint language plpgsql as $$
declare
  v_id bigint;
begin
  loop
    case p_kind
      when 'user' then select id into v_id from contributor where user_id = p_user;
      when 'device' then select id into v_id from contributor where device_id = p_device;
      when 'external' then
        select id into v_id from contributor where project_id = p_project and external_uid = p_external;
      when 'address' then select id into v_id from contributor where address_hash = p_address;
    end case;
    if v_id is not null then
      return v_id;
    end if;
    insert into contributor (kind, user_id, device_id, project_id, external_uid, address_hash, made_up_ip)
    values (p_kind, p_user, p_device, p_project, p_external, p_address, p_ip)
    on conflict do nothing;
  end loop;
end $$;
