"""Every operation by boto3. Usage: tour.py ENDPOINT CA REGION, with the credentials in the environment."""

import sys

import boto3
from botocore.exceptions import ClientError

endpoint, ca, region = sys.argv[1:]
options = dict(region_name=region, endpoint_url=endpoint, verify=ca)
kms = boto3.client("kms", **options)
sts = boto3.client("sts", **options)


def fails(code, call, **parameters):
    """Demands that a call is answered with an error, and gives the modelled exception."""
    try:
        call(**parameters)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        assert e.response["ResponseMetadata"]["RequestId"], e.response
        return e
    raise AssertionError(f"{code} was expected")


who = sts.get_caller_identity()
assert who["Account"] == "111122223333" and who["Arn"].endswith(":user/admin"), who

key = kms.create_key(Description="boto3", Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyMetadata"]
key_id, arn = key["KeyId"], key["Arn"]
other = kms.create_key()["KeyMetadata"]["KeyId"]
assert kms.describe_key(KeyId=arn)["KeyMetadata"] == key
listed = [k["KeyId"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}) for k in page["Keys"]]
assert sorted(listed) == sorted([key_id, other]), listed

kms.create_alias(AliasName="alias/boto", TargetKeyId=key_id)
context = {"who": "boto3", "ключ": "значение"}
sealed = kms.encrypt(KeyId="alias/boto", Plaintext=b"\x00\xff secret", EncryptionContext=context)
assert sealed["KeyId"] == arn and sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT", sealed
opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
assert opened["Plaintext"] == b"\x00\xff secret" and opened["KeyId"] == arn, opened
wrong = fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])
assert isinstance(wrong, kms.exceptions.InvalidCiphertextException), type(wrong)
moved = kms.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"], SourceEncryptionContext=context, DestinationKeyId=other)
assert moved["SourceKeyId"] == arn and moved["KeyId"].endswith(other), moved
assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"\x00\xff secret"
data = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
assert len(data["Plaintext"]) == 32 and kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
data = kms.generate_data_key_without_plaintext(KeyId=key_id, NumberOfBytes=17)
assert "Plaintext" not in data and len(kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"]) == 17
assert len(kms.generate_random(NumberOfBytes=99)["Plaintext"]) == 99

kms.update_alias(AliasName="alias/boto", TargetKeyId=other)
aliases = [(a["AliasName"], a["TargetKeyId"]) for page in kms.get_paginator("list_aliases").paginate() for a in page["Aliases"]]
assert aliases == [("alias/boto", other)], aliases
kms.delete_alias(AliasName="alias/boto")
assert isinstance(fails("NotFoundException", kms.describe_key, KeyId="alias/boto"), kms.exceptions.NotFoundException)

kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "b", "TagValue": "2"}, {"TagKey": "a", "TagValue": "3"}])
kms.untag_resource(KeyId=key_id, TagKeys=["b"])
tags = [t for page in kms.get_paginator("list_resource_tags").paginate(KeyId=key_id) for t in page["Tags"]] \
    if kms.can_paginate("list_resource_tags") else kms.list_resource_tags(KeyId=key_id)["Tags"]
assert tags == [{"TagKey": "a", "TagValue": "3"}], tags
kms.update_key_description(KeyId=key_id, Description="boto3 again")

assert kms.list_key_policies(KeyId=key_id)["PolicyNames"] == ["default"]
policy = kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy)
assert kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"] == policy

kms.disable_key(KeyId=key_id)
fails("DisabledException", kms.encrypt, KeyId=key_id, Plaintext=b"x")
kms.enable_key(KeyId=key_id)
scheduled = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
assert scheduled["KeyState"] == "PendingDeletion" and scheduled["DeletionDate"].tzinfo is not None, scheduled
fails("KMSInvalidStateException", kms.enable_key, KeyId=key_id)
assert kms.cancel_key_deletion(KeyId=key_id)["KeyId"] == arn
last = kms.describe_key(KeyId=key_id)["KeyMetadata"]
assert last["KeyState"] == "Disabled" and last["Description"] == "boto3 again" and last["CreationDate"] == key["CreationDate"], last
fails("ValidationException", kms.create_key, Description="x" * 8193)
fails("UnsupportedOperationException", kms.get_public_key, KeyId=key_id)
print("ok")
