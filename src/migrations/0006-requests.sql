-- A request is forgotten a day after its lease ended, and a lease may have been renewed for long.
create index lease_ended on lease (greatest(requested, expires)) where not holds_place;
drop index lease_proof_age;
