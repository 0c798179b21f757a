# Sends what VenafiPS 6.11 sends: a token by user name and password, a look at the server's
# version with it, SetPassword, a token as the user whose password it was, and both revoked.
# PAM_URL, PAM_CLIENT_ID, PAM_LOGIN, PAM_PASSWORD, PAM_USER and PAM_NEW say where and what.
$ErrorActionPreference = 'Stop'

function Call([string]$Method, [string]$Path, $Body, [string]$Token) {
    $arguments = @{ Method = $Method; Uri = "$env:PAM_URL/$Path"; ContentType = 'application/json'; UseBasicParsing = $true; TimeoutSec = 30 }
    if ($Token) { $arguments.Headers = @{ Authorization = "Bearer $Token" } }
    if ($Body) {
        $arguments.Body = ConvertTo-Json $Body -Depth 20 -Compress
        $arguments.ContentType = 'application/json; charset=utf-8'
    }
    Invoke-RestMethod @arguments
}

function Token([string]$User, [string]$Password) {
    (Call Post 'vedauth/authorize/oauth' @{
        client_id = $env:PAM_CLIENT_ID; username = $User; password = $Password; scope = 'security:manage'
    }).access_token
}

$token = Token $env:PAM_LOGIN $env:PAM_PASSWORD
Call Get 'vedsdk/SystemStatus/Version' $null $token | Out-Null
$answer = Call Post 'vedsdk/Identity/SetPassword' @{ ID = @{ PrefixedName = "local:$env:PAM_USER" }; Password = $env:PAM_NEW } $token
if ($answer.ID.Name -cne $env:PAM_USER) { throw 'another identity' }
$proof = Token "local:$env:PAM_USER" $env:PAM_NEW
foreach ($one in $token, $proof) { Call Get 'vedauth/revoke/token' $null $one | Out-Null }
'changed'
