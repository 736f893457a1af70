import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { resources, synthesise } from './support.ts';

describe('network', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesise();
  });

  it('has no way to or from the internet', () => {
    for (const type of [
      'AWS::EC2::NatGateway',
      'AWS::EC2::InternetGateway',
      'AWS::EC2::EgressOnlyInternetGateway',
      'AWS::EC2::Route',
      'AWS::EC2::EIP',
    ]) {
      template.resourceCountIs(type, 0);
    }
    template.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: false });
  });

  it('reaches S3 through a gateway that lets through the data and the image layers only', () => {
    const gateways = resources(template, 'AWS::EC2::VPCEndpoint').filter(
      ([, p]) => p.VpcEndpointType === 'Gateway',
    );
    expect(gateways).toHaveLength(1);
    const [, { PolicyDocument, RouteTableIds }] = gateways[0]!;
    expect(RouteTableIds).toHaveLength(2);
    const { Statement } = PolicyDocument as unknown as { Statement: { Sid: string; Resource: unknown }[] };
    expect(Statement.map(({ Sid }) => Sid)).toEqual(['Data', 'ImageLayers']);
    expect(JSON.stringify(Statement[0]!.Resource)).toMatch(/StorageInput.*StorageOutput/);
    expect(JSON.stringify(Statement)).not.toContain('"Resource":"*"');
    expect(JSON.stringify(Statement[1]!.Resource)).toContain('-starport-layer-bucket/*');
  });

  it('has an interface endpoint for what jobs and their machines call, and for nothing else', () => {
    const services = resources(template, 'AWS::EC2::VPCEndpoint')
      .filter(([, p]) => p.VpcEndpointType === 'Interface')
      .map(([, p]) => JSON.stringify(p.ServiceName).replace(/.*"\.([a-z.-]+)"?.*/, '$1'));
    expect(services.sort()).toEqual([
      'batch',
      'ecr.api',
      'ecr.dkr',
      'ecs',
      'ecs-agent',
      'ecs-telemetry',
      'logs',
    ]);
    for (const [, p] of resources(template, 'AWS::EC2::VPCEndpoint')) {
      if (p.VpcEndpointType === 'Interface') {
        expect(p.PrivateDnsEnabled).toBe(true);
        expect(p.SubnetIds).toHaveLength(1);
      }
    }
  });

  it('lets nothing into machines and only HTTPS out', () => {
    const groups = resources(template, 'AWS::EC2::SecurityGroup');
    const [machines] = groups.filter(([id]) => id.startsWith('NetworkMachines'));
    expect(machines![1].SecurityGroupIngress).toBeUndefined();
    expect(machines![1].SecurityGroupEgress).toEqual([
      { CidrIp: '0.0.0.0/0', Description: 'AWS endpoints', FromPort: 443, IpProtocol: 'tcp', ToPort: 443 },
    ]);
    // The only rule that lets anything in anywhere: machines to endpoints.
    const ingress = resources(template, 'AWS::EC2::SecurityGroupIngress');
    expect(ingress).toHaveLength(1);
    expect(ingress[0]![1]).toMatchObject({ FromPort: 443, ToPort: 443, IpProtocol: 'tcp' });
    expect(JSON.stringify(ingress[0]![1].GroupId)).toContain('NetworkEndpoints');
    expect(JSON.stringify(ingress[0]![1].SourceSecurityGroupId)).toContain('NetworkMachines');
    for (const [, group] of groups) expect(group.SecurityGroupIngress).toBeUndefined();
  });

  it('keeps what was refused on record', () => {
    template.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT', LogDestinationType: 's3' });
  });

  it('spans as many zones as it is told, endpoints too', () => {
    const wide = synthesise({ zones: '3', endpointZones: '2' });
    wide.resourceCountIs('AWS::EC2::Subnet', 3);
    for (const [, p] of resources(wide, 'AWS::EC2::VPCEndpoint')) {
      if (p.VpcEndpointType === 'Interface') expect(p.SubnetIds).toHaveLength(2);
    }
  });
});
