import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { STOP_SECONDS } from '../../src/job/contract.ts';
import { CONTAINER_USER } from '../lib/compute.ts';
import { type Json, resource, resources, synthesise } from './support.ts';

describe('compute', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesise();
  });
  const environment = (name: string) =>
    resource(template, 'AWS::Batch::ComputeEnvironment', `Compute${name}`)[1].ComputeResources as Record<
      string,
      Json
    >;

  it('takes GPU machines from spot, with on-demand ones behind, and CPU ones for plan and merge', () => {
    expect(environment('GpuSpot')).toMatchObject({
      Type: 'SPOT',
      AllocationStrategy: 'SPOT_PRICE_CAPACITY_OPTIMIZED',
      Ec2Configuration: [{ ImageType: 'ECS_AL2023_NVIDIA' }],
      MaxvCpus: 64,
    });
    expect(environment('GpuOnDemand')).toMatchObject({
      Type: 'EC2',
      Ec2Configuration: [{ ImageType: 'ECS_AL2023_NVIDIA' }],
      MaxvCpus: 16,
    });
    expect(environment('Cpu')).toMatchObject({
      Type: 'EC2',
      Ec2Configuration: [{ ImageType: 'ECS_AL2023' }],
    });
    const [spot] = resource(template, 'AWS::Batch::ComputeEnvironment', 'ComputeGpuSpot');
    const [onDemand] = resource(template, 'AWS::Batch::ComputeEnvironment', 'ComputeGpuOnDemand');
    const [, shards] = resource(template, 'AWS::Batch::JobQueue', 'ComputeShards');
    expect(shards.ComputeEnvironmentOrder).toEqual([
      { ComputeEnvironment: { 'Fn::GetAtt': [spot, 'ComputeEnvironmentArn'] }, Order: 1 },
      { ComputeEnvironment: { 'Fn::GetAtt': [onDemand, 'ComputeEnvironmentArn'] }, Order: 2 },
    ]);
  });

  it('takes only the machines that were named: nothing "optimal" beside them', () => {
    for (const name of ['GpuSpot', 'GpuOnDemand']) {
      expect(environment(name).InstanceTypes).toEqual(['g6.xlarge', 'g5.xlarge', 'g6.2xlarge', 'g5.2xlarge']);
    }
    expect(environment('Cpu').InstanceTypes).toEqual(['m7i.xlarge', 'm7a.xlarge', 'm6i.xlarge']);
  });

  it('costs nothing while nothing runs', () => {
    for (const [, p] of resources(template, 'AWS::Batch::ComputeEnvironment')) {
      expect(p.ComputeResources).toMatchObject({ MinvCpus: 0 });
      expect((p.ComputeResources as Record<string, Json>).DesiredvCpus).toBeUndefined();
    }
  });

  it('has machines that ask for a session token, keep their metadata to themselves and encrypt their disk', () => {
    const [id, { LaunchTemplateData }] = resource(template, 'AWS::EC2::LaunchTemplate', 'Compute');
    const data = LaunchTemplateData as Record<string, Json>;
    expect(data.MetadataOptions).toEqual({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
    expect(data.BlockDeviceMappings).toMatchObject([{ Ebs: { Encrypted: true, DeleteOnTermination: true } }]);
    expect(data.KeyName).toBeUndefined();
    for (const [, p] of resources(template, 'AWS::Batch::ComputeEnvironment')) {
      expect(p.ComputeResources).toMatchObject({ LaunchTemplate: { LaunchTemplateId: { Ref: id } } });
      expect((p.ComputeResources as Record<string, Json>).Ec2KeyPair).toBeUndefined();
    }
  });

  it('warns jobs before spot takes the machine, and gives them longer than they promise to need', () => {
    const [, { LaunchTemplateData }] = resource(template, 'AWS::EC2::LaunchTemplate', 'Compute');
    const script = JSON.stringify(LaunchTemplateData);
    expect(script).toContain('multipart/mixed');
    expect(script).toContain('ECS_ENABLE_SPOT_INSTANCE_DRAINING=true');
    const [, seconds] = /ECS_CONTAINER_STOP_TIMEOUT=(\d+)s/.exec(script)!;
    expect(Number(seconds)).toBeGreaterThan(STOP_SECONDS);
  });

  it("keeps jobs from the machine's own role", () => {
    const [, { LaunchTemplateData }] = resource(template, 'AWS::EC2::LaunchTemplate', 'Compute');
    expect(JSON.stringify(LaunchTemplateData)).toContain(
      `iptables -I OUTPUT -d 169.254.169.254/32 -m owner --uid-owner ${CONTAINER_USER} -j REJECT`,
    );
    expect(readFileSync('Dockerfile', 'utf8')).toContain(`USER ${CONTAINER_USER}\n`);
  });

  it('cancels jobs that no machine can ever take', () => {
    for (const [, queue] of resources(template, 'AWS::Batch::JobQueue')) {
      const actions = queue.JobStateTimeLimitActions as { Reason: string; MaxTimeSeconds: number }[];
      expect(Object.fromEntries(actions.map((a) => [a.Reason, a.MaxTimeSeconds]))).toEqual({
        'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT': 600,
        'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE': 600,
        'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY': 86_400,
      });
    }
  });
});
