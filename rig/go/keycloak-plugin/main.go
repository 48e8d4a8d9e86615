// The Pulumi plugin of @pulumi/keycloak, for machines where the official one cannot be downloaded: the same Terraform
// provider, release 4.5.0, under Pulumi's own bridge. It carries no schema texts; the Node SDK asks for none.
package main

import (
	"github.com/keycloak/terraform-provider-keycloak/provider"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// The release of @pulumi/keycloak that was built on this provider.
const version = "6.0.0"

func main() {
	info := tfbridge.ProviderInfo{
		P:       shim.NewProvider(provider.KeycloakProvider(nil)),
		Name:    "keycloak",
		Version: version,
	}
	modules := []string{"ldap_", "oidc_", "openid_", "saml_", "authentication_"}
	info.MustComputeTokens(tokens.KnownModules("keycloak_", "index", modules, tokens.MakeStandard("keycloak")))
	tfbridge.Main("keycloak", version, info, []byte(`{"name":"keycloak","version":"`+version+`"}`))
}
