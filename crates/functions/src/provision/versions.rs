//! What is fetched, to the version and the hash. Taking newer ones is editing this file (and `*.lock.json`).

/// A Node.js that is fetched as the npm package `node-linux-<architecture>`.
pub(super) struct Node {
    pub(super) major: u16,
    pub(super) version: &'static str,
    /// npm's integrity of the x64 package.
    pub(super) x64: &'static str,
    /// npm's integrity of the arm64 package.
    pub(super) arm64: &'static str,
}

/// The last of each line that AWS names.
#[rustfmt::skip]
pub(super) static NODES: &[Node] = &[
    Node { major: 14, version: "14.21.3",
        x64: "sha512-k/VWAKHK4/zX06VcFJrOKtlEEuO18S4MurFvde3LwQxOX1K1jXF2R6UGpx0pxzNF1A+yCD32kTbaMwbfekXVHg==",
        arm64: "sha512-gw8d6yE/4TYLrDR4Gu/OJ9cHm2NUx3VZmWtcDn+W2uuKWDt55mriAProCIX4jPQFr6NUM+lcpUyNi5gDqIuzQg==" },
    Node { major: 16, version: "16.20.2",
        x64: "sha512-oxOhUQeRI8VP2S933KzppWoQTXE/bhs3rskxrAXQA0xfIoy+WqVx47oe6upUsCqORfvAHcbdf9k+1iFyZnceqQ==",
        arm64: "sha512-MyXYLwR55kL8fh4+T/pnLFltiys/aQ0QYtT5PZuiiQBksWRCP28LWRACZhFHGPG+jlSxzZDKwRFAjdNY3DaB0Q==" },
    Node { major: 18, version: "18.20.8",
        x64: "sha512-JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww==",
        arm64: "sha512-xTMJYtLdLjIimh8zRpgUDFsNknLP72AT/QWEQmeyDOM1/Gqj/GZn/MlbA+zWSjSMBxQscYvgFpq3qERMEcFEUA==" },
    Node { major: 20, version: "20.20.2",
        x64: "sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
        arm64: "sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==" },
    Node { major: 22, version: "22.23.3",
        x64: "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
        arm64: "sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==" },
    Node { major: 24, version: "24.21.0",
        x64: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
        arm64: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==" },
];

/// `aws-sdk`, the last of version 2: all services.
pub(super) const JAVASCRIPT_V2: &str = include_str!("javascript-v2.lock.json");
/// `@aws-sdk/client-*`, the last release that Node.js 18 takes: the clients of the services that Moln has and of those
/// most used beside them, and `lib-*`, `s3-request-presigner` and the like. AWS's runtimes hold all 400; a function that
/// needs another brings it.
pub(super) const JAVASCRIPT_V3: &str = include_str!("javascript-v3.lock.json");

/// boto3 as pip's requirements, all of them wheels for any system.
pub(super) struct Boto3 {
    /// The directory's name.
    pub(super) name: &'static str,
    /// For pip: the lowest version of Python it is for.
    pub(super) python: &'static str,
    pub(super) requirements: &'static str,
}

/// For Python up to 3.9.
pub(super) static BOTO3_OLD: Boto3 = Boto3 {
    name: "boto3-1.37.38",
    python: "3.8",
    requirements: "\
boto3==1.37.38 --hash=sha256:b6d42803607148804dff82389757827a24ce9271f0583748853934c86310999f
botocore==1.37.38 --hash=sha256:23b4097780e156a4dcaadfc1ed156ce25cb95b6087d010c4bb7f7f5d9bc9d219
jmespath==1.0.1 --hash=sha256:02e2e4cc71b5bcab88332eebf907519190dd9e6e82107fa7f83b1003a6252980
python-dateutil==2.9.0.post0 --hash=sha256:a8b2bc7bffae282281c8140a97d3aa9c14da0b136dfe83f850eea9a5f7470427
s3transfer==0.11.5 --hash=sha256:757af0f2ac150d3c75bc4177a32355c3862a98d20447b69a0161812992fe0bd4
six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
urllib3==1.26.20 --hash=sha256:0ed14ccfbf1c30a9072c7ca157e4319b70d65f623e91e7b32fadb2853431016e
",
};

/// For Python from 3.10 on.
pub(super) static BOTO3: Boto3 = Boto3 {
    name: "boto3-1.44.5",
    python: "3.10",
    requirements: "\
boto3==1.44.5 --hash=sha256:70c3e0409794b29ec1900bcaff0695b73234a2d32ffaed35045b94caa26212a5
botocore==1.44.5 --hash=sha256:8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921
jmespath==1.1.0 --hash=sha256:a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64
python-dateutil==2.9.0.post0 --hash=sha256:a8b2bc7bffae282281c8140a97d3aa9c14da0b136dfe83f850eea9a5f7470427
s3transfer==0.19.3 --hash=sha256:24eb7535804306355e31c952a90022bf5b2f9d760f9a11062c7493a217c08553
six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
urllib3==2.8.0 --hash=sha256:0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3
",
};
