import { Aws, Fn } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

export interface NetworkProps extends Pick<Settings, 'zones' | 'endpointZones'> {
  /** The buckets that machines in this network may reach. */
  readonly data: readonly IBucket[];
  /** Where flow logs go. */
  readonly records: IBucket;
}

/**
 * Interface endpoints, each with who needs it. Not here: SNS (EventBridge and CloudWatch publish, no job does), SSM (nobody
 * logs in), STS (jobs get credentials from the ECS agent), monitoring (metrics are embedded in logs), KMS (S3 and SNS call it themselves).
 */
const ENDPOINTS: Readonly<Record<string, ec2.InterfaceVpcEndpointAwsService>> = {
  // The three that the ECS agent of a container instance registers with, polls and reports to.
  Ecs: ec2.InterfaceVpcEndpointAwsService.ECS,
  EcsAgent: ec2.InterfaceVpcEndpointAwsService.ECS_AGENT,
  EcsTelemetry: ec2.InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
  // Pulling the image: the registry's API and its Docker protocol; the layers themselves come through the S3 gateway.
  EcrApi: ec2.InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
  // What jobs print, and the metrics in it.
  Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  // The plan job submits shards and merge.
  Batch: ec2.InterfaceVpcEndpointAwsService.BATCH,
};

/** Subnets without any way to or from the internet: AWS services are reached through endpoints, everything else not at all. */
export class Network extends Construct {
  readonly vpc: ec2.Vpc;
  /** Of the machines that run jobs: nothing comes in, only HTTPS goes out. */
  readonly machines: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      natGateways: 0,
      availabilityZones: Array.from({ length: props.zones }, (_, i) => Fn.select(i, Fn.getAzs())),
      subnetConfiguration: [{ name: 'jobs', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 20 }],
      flowLogs: {
        rejected: {
          destination: ec2.FlowLogDestination.toS3(props.records, 'flow'),
          trafficType: ec2.FlowLogTrafficType.REJECT,
        },
      },
    });
    this.machines = new ec2.SecurityGroup(this, 'Machines', {
      vpc: this.vpc,
      description: 'Frustum jobs: nothing in, HTTPS out',
      allowAllOutbound: false,
    });
    // The VPC has no route out: "anywhere" is the endpoints and S3, whose addresses differ by region.
    this.machines.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'AWS endpoints');

    const s3 = this.vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    for (const statement of reachable(props.data)) s3.addToPolicy(statement);

    const doors = new ec2.SecurityGroup(this, 'Endpoints', {
      vpc: this.vpc,
      description: 'Interface endpoints: HTTPS from Frustum jobs',
      allowAllOutbound: false,
    });
    doors.addIngressRule(this.machines, ec2.Port.tcp(443), 'Frustum jobs');
    for (const [name, service] of Object.entries(ENDPOINTS)) {
      this.vpc.addInterfaceEndpoint(name, {
        service,
        open: false,
        securityGroups: [doors],
        subnets: { subnets: this.vpc.isolatedSubnets.slice(0, props.endpointZones) },
      });
    }
  }
}

/** What may pass the S3 gateway: even with other credentials, machines reach the data and the image layers only. */
function reachable(buckets: readonly IBucket[]): iam.PolicyStatement[] {
  const layers = `arn:${Aws.PARTITION}:s3:::prod-${Aws.REGION}-starport-layer-bucket/*`;
  return [
    new iam.PolicyStatement({
      sid: 'Data',
      principals: [new iam.AnyPrincipal()],
      actions: [
        's3:ListBucket',
        's3:ListBucketMultipartUploads',
        's3:GetBucketLocation',
        's3:GetObject*',
        's3:PutObject*',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      resources: buckets.flatMap((bucket) => [bucket.bucketArn, bucket.arnForObjects('*')]),
    }),
    new iam.PolicyStatement({
      sid: 'ImageLayers',
      principals: [new iam.AnyPrincipal()],
      actions: ['s3:GetObject'],
      resources: [layers],
    }),
  ];
}
