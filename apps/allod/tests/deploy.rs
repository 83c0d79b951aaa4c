//! The files of `deploy/`: configurations that a guardian takes, and descriptions
//! of containers that agree with each other and with the image.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use allod_node::guardian::{Config, Tls};
use serde_json::{Value, json};

/// Where the state lies in a container: below the volume.
const STATE: &str = "/var/lib/allod/state";
const VOLUME: &str = "/var/lib/allod";

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap()
}

#[test]
fn the_configurations_are_ones_that_a_guardian_takes() {
    for (path, admin) in [("guardian.toml", "127.0.0.1:7790"), ("kubernetes/guardian.toml", "0.0.0.0:7790")] {
        let config = Config::read(&deploy(path)).unwrap();
        assert_eq!(config.listen, "0.0.0.0:7800".parse::<SocketAddr>().unwrap(), "{path}");
        assert_eq!(config.admin, Some(admin.parse().unwrap()), "{path}");
        assert_eq!(config.state, Path::new(STATE), "{path}");
        assert_eq!(config.tls, Tls::SelfSigned, "{path}");
    }
}

#[test]
fn the_image_and_the_composition_agree() {
    let (image, composition) = (text("Containerfile"), text("compose.yaml"));
    let health = r#"["/allod", "guardian", "health", "--config", "/etc/allod/guardian.toml"]"#;
    for line in [
        "FROM scratch",
        "COPY guardian.toml /etc/allod/guardian.toml",
        &format!("COPY --chown=10001:10001 state {VOLUME}"),
        "USER 10001:10001",
        &format!("VOLUME {VOLUME}"),
        "EXPOSE 7800",
        &format!("    CMD {health}"),
        r#"CMD ["guardian", "run", "--config", "/etc/allod/guardian.toml"]"#,
    ] {
        assert!(image.lines().any(|found| found == line), "{line:?} is not in the Containerfile");
    }
    for number in 1..=3 {
        assert!(composition.contains(&format!(r#"["guardian-{number}:{VOLUME}"]"#)));
        assert!(composition.contains(&format!(":781{number}:7800\"]")));
    }
}

#[test]
fn the_kubernetes_objects_are_rendered_and_hold_a_guardian_back() {
    let Some(objects) = rendered() else {
        eprintln!("kubectl is not here: skipped, the Kubernetes objects were not looked at");
        return;
    };
    let of = |kind: &str| {
        let found: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
        assert_eq!(found.len(), 1, "one {kind}");
        found[0]
    };
    let set = &of("StatefulSet")["spec"];
    let pod = &set["template"]["spec"];
    let guardian = &pod["containers"][0];
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);

    // The image's user, and Kubernetes's standard for pods called "restricted".
    assert_eq!(
        pod["securityContext"],
        json!({
            "runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    assert_eq!(
        guardian["securityContext"],
        json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        })
    );
    assert_eq!(pod["automountServiceAccountToken"], false);

    // The state lies on a volume that outlives everything.
    let kept = &set["volumeClaimTemplates"][0]["metadata"]["name"];
    let mounts = guardian["volumeMounts"].as_array().unwrap();
    let mounted =
        |name: &Value| mounts.iter().find(|mount| mount["name"] == *name).unwrap()["mountPath"].clone();
    assert_eq!(mounted(kept), VOLUME);
    assert_eq!(
        set["persistentVolumeClaimRetentionPolicy"],
        json!({ "whenDeleted": "Retain", "whenScaled": "Retain" })
    );

    // The configuration is the one that was read above, and it is where the
    // guardian looks for it.
    let configuration = &pod["volumes"][0];
    assert_eq!(configuration["configMap"]["name"], of("ConfigMap")["metadata"]["name"]);
    assert_eq!(of("ConfigMap")["data"]["guardian.toml"], text("kubernetes/guardian.toml"));
    assert_eq!(mounted(&configuration["name"]), "/etc/allod");
    assert_eq!(guardian["args"], json!(["guardian", "run", "--config", "/etc/allod/guardian.toml"]));

    // Whoever is asked how it is stands at the operator's listener.
    let port = |name: &str| {
        let ports = guardian["ports"].as_array().unwrap();
        ports.iter().find(|port| port["name"] == name).unwrap()["containerPort"].clone()
    };
    assert_eq!((port("guardian"), port("admin")), (json!(7800), json!(7790)));
    for (probe, path) in
        [("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
    {
        assert_eq!(guardian[probe]["httpGet"], json!({ "path": path, "port": "admin" }), "{probe}");
    }

    // Everything finds the guardians by the same labels.
    let labels = &set["template"]["metadata"]["labels"];
    for selector in [
        &set["selector"]["matchLabels"],
        &of("Service")["spec"]["selector"],
        &of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &of("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        &pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    assert_eq!(set["serviceName"], of("Service")["metadata"]["name"]);
    assert_eq!(of("Service")["spec"]["clusterIP"], "None");
    assert_eq!(of("PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
    let policy = &of("NetworkPolicy")["spec"];
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    assert!(policy.get("egress").is_none_or(|egress| egress == &json!([])), "it asks nobody: {policy}");
    let open: Vec<&Value> =
        policy["ingress"].as_array().unwrap().iter().filter(|rule| rule.get("from").is_none()).collect();
    let prometheus = &policy["ingress"][1]["from"][0]["podSelector"]["matchLabels"];
    assert_eq!(prometheus, &json!({ "app.kubernetes.io/name": "prometheus" }));
    assert_eq!(open, [&json!({ "ports": [{ "port": "guardian" }] })], "strangers reach the guardian alone");
}

/// The objects that `kubectl apply --kustomize` would hand to a cluster, or
/// nothing where there is no kubectl. No cluster is asked.
fn rendered() -> Option<Vec<Value>> {
    let kubectl = |args: &[&str], input: &[u8]| -> Option<Vec<u8>> {
        let mut child = Command::new("kubectl")
            .args(args)
            .env("KUBECONFIG", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "kubectl {args:?} failed");
        Some(output.stdout)
    };
    let yaml = kubectl(&["kustomize", deploy("kubernetes").to_str().unwrap()], &[])?;
    // Its way from YAML to JSON that needs no cluster.
    let json = kubectl(&["label", "--local", "--filename=-", "--output=json", "seen=yes"], &yaml)?;
    let objects: Vec<Value> =
        serde_json::Deserializer::from_slice(&json).into_iter().collect::<Result<_, _>>().unwrap();
    Some(objects)
}
