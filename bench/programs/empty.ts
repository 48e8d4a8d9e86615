// An empty Pulumi program.
import "@pulumi/pulumi";
