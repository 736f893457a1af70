#!/usr/bin/env bash
# Builds the CPU and the CUDA image, and pushes both if told to.
#   scripts/build-images.sh [--tag TAG] [--push REPOSITORY] [--models URL SHA256] [--only cpu|cuda]
# TAG is the version of the code unless given (the stack's setting imageTag); REPOSITORY is the stack's output
# ImageRepository. The images are REPOSITORY:TAG-cpu and REPOSITORY:TAG-cuda (frustum:TAG-... without --push).
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  sed -n '2,5s/^# //p' "infra/scripts/build-images.sh" >&2
  exit 2
}

tag=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
repository=''
variants='cpu cuda'
models=()
while [ $# -gt 0 ]; do
  case "$1" in
    --tag) [ $# -ge 2 ] || usage; tag=$2; shift 2 ;;
    --push) [ $# -ge 2 ] || usage; repository=$2; shift 2 ;;
    --models)
      [ $# -ge 3 ] || usage
      models=(--build-arg MODELS=fetched --build-arg "MODEL_URL=$2" --build-arg "MODEL_SHA256=$3")
      shift 3
      ;;
    --only) [ $# -ge 2 ] || usage; variants=$2; shift 2 ;;
    *) usage ;;
  esac
done
for variant in $variants; do
  case "$variant" in cpu | cuda) ;; *) usage ;; esac
done
if ! command -v docker >/dev/null; then
  echo 'build-images.sh: docker is not there; run it where Docker is installed' >&2
  exit 1
fi

if [ -n "$repository" ]; then
  # 111122223333.dkr.ecr.eu-central-1.amazonaws.com/name: the region is the fourth part.
  registry=${repository%%/*}
  region=$(cut -d. -f4 <<<"$registry")
  aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$registry"
fi
for variant in $variants; do
  image=${repository:-frustum}:$tag-$variant
  # Batch machines are x86-64, wherever this runs.
  docker build --platform linux/amd64 -f infra/Dockerfile --target "$variant" "${models[@]+"${models[@]}"}" -t "$image" .
  if [ -n "$repository" ]; then docker push "$image"; fi
  echo "$image"
done
