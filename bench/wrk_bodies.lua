-- wrk sends BatchWriteItem bodies, one after another, with headers as long as signed ones:
--   wrk -t1 -c64 -d5s -s bench/wrk_bodies.lua URL -- FILE      (a body a line, from null_server --print bodies)
-- FILE "scan" asks for the first page of a Scan instead. The first kMost bodies (10 MB) are sent over and over, so that
-- wrk need not hold the 400 MB of all. From the second time on each is a repeated put, which the null server compares
-- with the item that it knows instead of adding it up.
local kMost = 1000
local requests = {}
local at = 0

local function signed(operation)
  return {
    ["Content-Type"] = "application/x-amz-json-1.0",
    ["X-Amz-Date"] = "20250101T000000Z",
    ["X-Amz-Target"] = "DynamoDB_20120810." .. operation,
    ["Authorization"] = "AWS4-HMAC-SHA256 Credential=AKIDWRK/20250101/us-east-1/dynamodb/aws4_request, "
      .. "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" .. string.rep("0", 64),
  }
end

function init(args)
  if args[1] == "scan" then
    requests[1] = wrk.format("POST", "/", signed("Scan"), '{"TableName":"bench"}')
    return
  end
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", "/", signed("BatchWriteItem"), line)
    if #requests == kMost then break end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
