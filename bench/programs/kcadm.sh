#!/usr/bin/env bash
# Does what our program does, the way a careful admin would script it with kcadm.sh: it looks first, so it can run again.
# The environment has SERVER, ADMIN, KC_CLI_PASSWORD (the admin's), KCADM, CONFIG and PASSWORD (the customer's);
# the arguments are the realms.
set -euo pipefail

kcadm() { "$KCADM" "$@" --config "$CONFIG"; }
id_of() { kcadm get "$@" --fields id --format csv --noquotes; }

kcadm config credentials --server "$SERVER" --realm master --user "$ADMIN"

for realm in "$@"; do
  client=$(id_of clients -r "$realm" -q clientId=cim)
  mappers=clients/$client/protocol-mappers/models
  mapper=$(kcadm get "$mappers" -r "$realm" --fields id,name --format csv --noquotes |
    sed -n 's/,fix-audience$//p')
  settings=(-s name=fix-audience -s protocol=openid-connect -s protocolMapper=oidc-audience-mapper
    -s 'config."included.client.audience"=cim' -s 'config."id.token.claim"=true'
    -s 'config."access.token.claim"=true' -s 'config."introspection.token.claim"=true')
  if [[ -z $mapper ]]; then
    kcadm create "$mappers" -r "$realm" "${settings[@]}"
  else
    kcadm update "$mappers/$mapper" -r "$realm" -s "id=$mapper" "${settings[@]}"
  fi

  user=$(id_of users -r "$realm" -q username=customer -q exact=true)
  fields=(-s enabled=true -s emailVerified=true -s email=customer@example.com -s firstName=Cim -s lastName=Customer)
  if [[ -z $user ]]; then
    kcadm create users -r "$realm" -s username=customer "${fields[@]}"
  else
    kcadm update "users/$user" -r "$realm" "${fields[@]}"
  fi
  kcadm set-password -r "$realm" --username customer --new-password "$PASSWORD"

  if ! kcadm get roles/customer -r "$realm" >/dev/null 2>&1; then
    kcadm create roles -r "$realm" -s name=customer
  fi
  kcadm add-roles -r "$realm" --uusername customer \
    --rolename customer --rolename offline_access --rolename uma_authorization
done
