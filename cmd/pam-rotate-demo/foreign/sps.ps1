# Sends what One Identity's PowerShell module (safeguard-ps 8) sends for a user of the local
# database: its header fields, its User-Agent, its cookie jar and its order of calls.
# PAM_URL, PAM_LOGIN, PAM_PASSWORD, PAM_USER and PAM_NEW say where and what.
$ErrorActionPreference = 'Stop'
$agent = 'PowerShell/6.0.0'
$headers = @{ 'Accept' = 'application/json'; 'Content-type' = 'application/json' }

function Connect([string]$Login, [string]$Password) {
    $basic = [Convert]::ToBase64String([Text.Encoding]::ASCII.GetBytes("${Login}:$Password"))
    Invoke-RestMethod -UserAgent $agent -Uri "$env:PAM_URL/api/authentication?login_method=local" `
        -SessionVariable session -Headers @{ Authorization = "Basic $basic" } | Out-Null
    $session
}

function Call([string]$Method, [string]$Path, $Body) {
    $arguments = @{ WebSession = $web; Method = $Method; Headers = $headers; UserAgent = $agent; Uri = "$env:PAM_URL/api/$Path" }
    if ($null -ne $Body) {
        $arguments.Body = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json -Depth 100 -InputObject $Body))
    }
    Invoke-RestMethod @arguments
}

$methods = (Invoke-RestMethod -UserAgent $agent -Uri "$env:PAM_URL/api/authentication/login_methods").login_methods
if (-not ($methods | Where-Object { $_ -eq 'local' -or $_.name -eq 'local' })) { throw 'local is not among the login methods' }

$web = Connect $env:PAM_LOGIN $env:PAM_PASSWORD
$users = 'configuration/aaa/local_database/users'
foreach ($item in (Call Get $users).items) {
    $object = Call Get "$users/$([uri]::EscapeDataString($item.key))"
    if ($object.body.name -ceq $env:PAM_USER) { break }
}
Call Post 'transaction' | Out-Null
if ((Call Get 'transaction').body.status -ne 'open') { throw 'the transaction is not open' }
$reference = (Call Post 'configuration/passwords' @{ plain = $env:PAM_NEW }).key
Call Put "$users/$($object.key)" @{ name = $object.body.name; password = $reference } | Out-Null
Call Put 'transaction' @{ status = 'commit' } | Out-Null
Connect $env:PAM_USER $env:PAM_NEW | Out-Null
'changed'
