"""The AWS of this machine: ministack, moto and what both lack, and the deployment of the CDK app to it."""
