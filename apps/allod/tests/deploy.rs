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
    for (path, admin, in_network) in [
        ("guardian.toml", "127.0.0.1:7790", false),
        ("kubernetes/guardian.toml", "0.0.0.0:7790", false),
        ("network/guardian.toml", "127.0.0.1:7790", true),
        ("network/kubernetes/guardian.toml", "0.0.0.0:7790", true),
    ] {
        let config = Config::read(&deploy(path)).unwrap();
        assert_eq!(config.listen, "0.0.0.0:7800".parse::<SocketAddr>().unwrap(), "{path}");
        assert_eq!(config.admin, Some(admin.parse().unwrap()), "{path}");
        assert_eq!(config.state, Path::new(STATE), "{path}");
        assert_eq!(config.tls, Tls::SelfSigned, "{path}");
        let chain = config.chain.map(|chain| (chain.genesis, chain.listen));
        let expected = in_network.then(|| {
            let listen = "0.0.0.0:7900".parse::<SocketAddr>().unwrap();
            (deploy(path).with_file_name("genesis"), listen)
        });
        assert_eq!(chain, expected, "{path}");
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
        "EXPOSE 7800 7900",
        &format!("    CMD {health}"),
        r#"CMD ["guardian", "run", "--config", "/etc/allod/guardian.toml"]"#,
    ] {
        assert!(image.lines().any(|found| found == line), "{line:?} is not in the Containerfile");
    }
    for number in 1..=3 {
        assert!(composition.contains(&format!(r#"["guardian-{number}:{VOLUME}"]"#)));
        assert!(composition.contains(&format!(":781{number}:7800\"]")));
    }
    // What makes them a network: the same configuration and genesis for each, where
    // the image looks for them.
    let network = text("network/compose.yaml");
    for mount in ["guardian.toml:/etc/allod/guardian.toml:ro,z", "genesis:/etc/allod/genesis:ro,z"] {
        assert!(network.contains(&format!("- \"./network/{mount}\"")), "{mount}");
    }
    for number in 1..=3 {
        assert!(network.lines().any(|line| line == format!("  guardian-{number}: *network")));
    }
}

#[test]
fn the_kubernetes_objects_are_rendered_and_hold_a_guardian_back() {
    let Some(objects) = rendered(&deploy("kubernetes")) else {
        eprintln!("kubectl is not here: skipped, the Kubernetes objects were not looked at");
        return;
    };
    let of = |kind: &str| {
        let found = all(&objects, kind);
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

#[test]
fn a_network_in_kubernetes_has_addresses_that_stay_and_keeps_its_quorum() {
    // The genesis is its operators' own, so the folder is completed elsewhere.
    let folder = tempfile::tempdir().unwrap();
    copy(&deploy("."), folder.path());
    let genesis = [0_u8, 0xff, 7];
    std::fs::write(folder.path().join("network/kubernetes/genesis"), genesis).unwrap();
    let Some(objects) = rendered(&folder.path().join("network/kubernetes")) else {
        eprintln!("kubectl is not here: skipped, the Kubernetes objects were not looked at");
        return;
    };
    let set = &all(&objects, "StatefulSet")[0]["spec"];
    let pod = &set["template"]["spec"];
    let guardian = &pod["containers"][0];
    let ports: Vec<_> = guardian["ports"].as_array().unwrap().iter().collect();
    for (name, port) in [("guardian", 7800), ("admin", 7790), ("chain", 7900)] {
        assert!(ports.contains(&&json!({ "name": name, "containerPort": port })), "{name}");
    }
    // Nothing that holds a guardian back is lost.
    assert_eq!(guardian["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(guardian["startupProbe"]["httpGet"], json!({ "path": "/livez", "port": "admin" }));

    // The genesis and the configuration come from one object, side by side.
    let configuration = all(&objects, "ConfigMap")[0];
    assert_eq!(configuration["data"]["guardian.toml"], text("network/kubernetes/guardian.toml"));
    assert_eq!(configuration["binaryData"]["genesis"], data_encoding::BASE64.encode(&genesis));
    assert_eq!(pod["volumes"][0]["configMap"]["name"], configuration["metadata"]["name"]);

    // While nodes are drained, fewer than a third of the guardians are away.
    let count = set["replicas"].as_u64().unwrap();
    let away = all(&objects, "PodDisruptionBudget")[0]["spec"]["maxUnavailable"].as_u64().unwrap();
    assert!(away >= 1 && 3 * away < count, "{away} of {count} may be away");

    // Each has an address of its own, for the others and before it is ready.
    let labels = &set["template"]["metadata"]["labels"];
    for number in 0..count {
        let name = format!("guardian-{number}");
        let services = all(&objects, "Service");
        let service = services.iter().find(|service| service["metadata"]["name"] == *name).unwrap();
        let service = &service["spec"];
        assert_eq!(service["selector"], json!({ "statefulset.kubernetes.io/pod-name": name }));
        assert_eq!(service["publishNotReadyAddresses"], true);
        assert_ne!(service["clusterIP"], "None");
        let port = |name: &str, port: u16| json!({ "name": name, "port": port, "targetPort": name });
        assert_eq!(service["ports"], json!([port("guardian", 7800), port("chain", 7900)]));
    }
    assert_eq!(all(&objects, "Service").len() as u64, count + 1, "none but these and the set's");

    // They reach each other, and nobody else but the cluster's DNS.
    let policies = all(&objects, "NetworkPolicy");
    assert_eq!(policies.len(), 2);
    let policy = policies.iter().find(|policy| policy["metadata"]["name"] == "guardian-network").unwrap();
    let policy = &policy["spec"];
    assert_eq!(&policy["podSelector"]["matchLabels"], labels);
    let guardians = json!([{ "podSelector": { "matchLabels": labels } }]);
    assert_eq!(policy["ingress"], json!([{ "from": guardians, "ports": [{ "port": "chain" }] }]));
    let egress = policy["egress"].as_array().unwrap();
    assert_eq!(egress[0], json!({ "ports": [{ "port": "guardian" }, { "port": "chain" }], "to": guardians }));
    let dns = egress[1]["ports"].as_array().unwrap();
    assert!(egress.len() == 2 && dns.iter().all(|port| port["port"] == 53), "{policy}");
}

/// The objects of a kind.
fn all<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// The objects that `kubectl apply --kustomize` would hand to a cluster, or
/// nothing where there is no kubectl. No cluster is asked.
fn rendered(folder: &Path) -> Option<Vec<Value>> {
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
    let yaml = kubectl(&["kustomize", folder.to_str().unwrap()], &[])?;
    // Its way from YAML to JSON that needs no cluster.
    let json = kubectl(&["label", "--local", "--filename=-", "--output=json", "seen=yes"], &yaml)?;
    let objects: Vec<Value> =
        serde_json::Deserializer::from_slice(&json).into_iter().collect::<Result<_, _>>().unwrap();
    Some(objects)
}
