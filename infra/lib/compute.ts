import { Duration, Tags } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { STOP_SECONDS } from '../../src/job/contract.ts';
import { acknowledge } from './acknowledge.ts';
import type { Network } from './network.ts';
import type { Settings } from './settings.ts';

/** The user that containers run as (Dockerfile). */
export const CONTAINER_USER = 10001;

/** Machines that come when jobs wait and go when they are done, and the queues in front of them. */
export class Compute extends Construct {
  /** GPU spot machines first, on-demand ones behind. */
  readonly shards: batch.JobQueue;
  /** CPU machines for plan and merge. */
  readonly steps: batch.JobQueue;

  constructor(scope: Construct, id: string, settings: Settings, network: Network) {
    super(scope, id);
    const instanceRole = new iam.Role(this, 'InstanceRole', {
      assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
      managedPolicies: [
        iam.ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonEC2ContainerServiceforEC2Role'),
      ],
      description: 'Frustum: the ECS agent of machines; jobs have roles of their own',
    });
    acknowledge(instanceRole, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role]':
        "The policy that AWS Batch documents for its machines; AWS keeps it in step with the ECS agent's calls. Jobs can't use this role's credentials as theirs.",
    });
    const launchTemplate = createLaunchTemplate(this, settings);
    const shared = {
      vpc: network.vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [network.machines],
      instanceRole,
      launchTemplate,
      minvCpus: 0,
      // Else Batch adds "optimal": instance families without a GPU.
      useOptimalInstanceClasses: false,
      // Machines are replaced by newer images when the environment is updated; jobs get time to stop.
      updateToLatestImageVersion: true,
      terminateOnUpdate: false,
      updateTimeout: Duration.minutes(30),
      replaceComputeEnvironment: false,
    };
    const gpu = {
      ...shared,
      instanceTypes: settings.gpuTypes.map((type) => new ec2.InstanceType(type)),
      images: [{ imageType: batch.EcsMachineImageType.ECS_AL2023_NVIDIA }],
    };
    const spot = new batch.ManagedEc2EcsComputeEnvironment(this, 'GpuSpot', {
      ...gpu,
      spot: true,
      maxvCpus: settings.spotVcpus,
      allocationStrategy: batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED,
    });
    const onDemand = new batch.ManagedEc2EcsComputeEnvironment(this, 'GpuOnDemand', {
      ...gpu,
      maxvCpus: settings.onDemandVcpus,
      allocationStrategy: batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
    });
    const cpu = new batch.ManagedEc2EcsComputeEnvironment(this, 'Cpu', {
      ...shared,
      instanceTypes: settings.cpuTypes.map((type) => new ec2.InstanceType(type)),
      images: [{ imageType: batch.EcsMachineImageType.ECS_AL2023 }],
      maxvCpus: settings.cpuVcpus,
      allocationStrategy: batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
    });
    this.shards = new batch.JobQueue(this, 'Shards', {
      computeEnvironments: [
        { computeEnvironment: spot, order: 1 },
        { computeEnvironment: onDemand, order: 2 },
      ],
      jobStateTimeLimitActions: stuck(),
    });
    this.steps = new batch.JobQueue(this, 'Steps', {
      computeEnvironments: [{ computeEnvironment: cpu, order: 1 }],
      jobStateTimeLimitActions: stuck(),
    });
  }
}

/** Jobs that no machine can ever take are cancelled and so become known; those that wait for capacity get a day. */
function stuck(): batch.JobStateTimeLimitAction[] {
  const reasons = batch.JobStateTimeLimitActionsReason;
  const action = batch.JobStateTimeLimitActionsAction.CANCEL;
  return [
    { action, reason: reasons.JOB_RESOURCE_REQUIREMENT, maxTime: Duration.minutes(10) },
    { action, reason: reasons.COMPUTE_ENVIRONMENT_MAX_RESOURCE, maxTime: Duration.minutes(10) },
    { action, reason: reasons.INSUFFICIENT_INSTANCE_CAPACITY, maxTime: Duration.hours(24) },
  ];
}

function createLaunchTemplate(scope: Construct, settings: Settings): ec2.LaunchTemplate {
  const script = ec2.UserData.forLinux();
  script.addCommands(
    // Two minutes before spot takes a machine, its jobs get SIGTERM.
    'echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config',
    // Jobs promise to stop in STOP_SECONDS; SIGKILL comes later than that.
    `echo ECS_CONTAINER_STOP_TIMEOUT=${STOP_SECONDS * 3}s >> /etc/ecs/ecs.config`,
    // Where jobs share the machine's own network, no hop limit keeps them from the ECS agent's role; this does.
    `iptables -I OUTPUT -d 169.254.169.254/32 -m owner --uid-owner ${CONTAINER_USER} -j REJECT`,
  );
  const userData = new ec2.MultipartUserData();
  userData.addPart(ec2.MultipartBody.fromUserData(script));
  const template = new ec2.LaunchTemplate(scope, 'Machine', {
    userData,
    requireImdsv2: true,
    httpTokens: ec2.LaunchTemplateHttpTokens.REQUIRED,
    // The ECS agent serves jobs' credentials itself: an answer of the metadata service has no business behind a container's bridge.
    httpPutResponseHopLimit: 1,
    blockDevices: [
      {
        deviceName: '/dev/xvda',
        volume: ec2.BlockDeviceVolume.ebs(settings.diskGiB, {
          encrypted: true,
          volumeType: ec2.EbsDeviceVolumeType.GP3,
          deleteOnTermination: true,
        }),
      },
    ],
  });
  Tags.of(template).add('Name', `${settings.name} job`);
  return template;
}
