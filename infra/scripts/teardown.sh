#!/usr/bin/env bash
# Removes everything that the stack made but data: the buckets of scenes and maps stay, and their names are printed.
#   scripts/teardown.sh [--stack NAME] [--yes]
# Uses the AWS CLI with the account and region of your environment.
set -euo pipefail
cd "$(dirname "$0")/.."

stack=Frustum
sure=''
while [ $# -gt 0 ]; do
  case "$1" in
    --stack) [ $# -ge 2 ] || exit 2; stack=$2; shift 2 ;;
    --yes) sure=yes; shift ;;
    *) sed -n '2,4s/^# //p' scripts/teardown.sh >&2; exit 2 ;;
  esac
done

output() {
  aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

records=$(output RecordsBucket)
scenes=$(output InputUrl)
maps=$(output OutputUrl)
queues="$(output ShardQueue) $(output PlanQueue)"
aws sts get-caller-identity --query Arn --output text
echo "Stack $stack goes, with its images, logs and records. $scenes and $maps stay."
if [ -z "$sure" ]; then
  read -r -p 'Type the name of the stack to go on: ' answer
  [ "$answer" = "$stack" ] || { echo 'nothing was done' >&2; exit 1; }
fi

# No night begins while the stack goes.
for schedule in $(aws scheduler list-schedules --group-name "$stack-nightly" --query 'Schedules[].Name' --output text 2>/dev/null || true); do
  aws scheduler delete-schedule --group-name "$stack-nightly" --name "$schedule"
done
# None takes jobs any more: arrays that are ended call for a merge of what is complete.
for queue in $queues; do
  aws batch update-job-queue --job-queue "$queue" --state DISABLED >/dev/null
done
# Compute environments can't go while jobs hold them.
for queue in $queues; do
  for status in SUBMITTED PENDING RUNNABLE STARTING RUNNING; do
    for job in $(aws batch list-jobs --job-queue "$queue" --job-status "$status" --query 'jobSummaryList[].jobId' --output text); do
      [ "$job" = None ] || aws batch terminate-job --job-id "$job" --reason 'the stack is taken down'
    done
  done
done

# A bucket of records takes new ones until the others stop writing them: stop that, then empty it.
for url in "$scenes" "$maps"; do
  bucket=$(cut -d/ -f3 <<<"$url")
  target=$(aws s3api get-bucket-logging --bucket "$bucket" --query LoggingEnabled.TargetBucket --output text 2>/dev/null || true)
  if [ "$target" = "$records" ]; then
    aws s3api put-bucket-logging --bucket "$bucket" --bucket-logging-status '{}'
  fi
done
for log in $(aws ec2 describe-flow-logs --filter "Name=tag:aws:cloudformation:stack-name,Values=$stack" --query 'FlowLogs[].FlowLogId' --output text); do
  aws ec2 delete-flow-logs --flow-log-ids "$log" >/dev/null
done
empty() {
  while :; do
    # shellcheck disable=SC2016 # backquotes are the query language's
    versions=$(aws s3api list-object-versions --bucket "$1" --max-items 500 --output json \
      --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}, Quiet: `true`}')
    case "$versions" in *VersionId*) ;; *) break ;; esac
    aws s3api delete-objects --bucket "$1" --delete "$versions" >/dev/null
  done
}
empty "$records"

aws cloudformation delete-stack --stack-name "$stack"
if ! aws cloudformation wait stack-delete-complete --stack-name "$stack"; then
  # S3 delivers records up to hours late: one may have come after the bucket was emptied.
  empty "$records"
  aws cloudformation delete-stack --stack-name "$stack"
  aws cloudformation wait stack-delete-complete --stack-name "$stack"
fi
echo "Gone. Left are data: $scenes $maps"
echo 'And, if nothing else uses the CDK here: aws cloudformation delete-stack --stack-name CDKToolkit (its bucket stays until you empty and delete it).'
