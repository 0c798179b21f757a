# Runs pam-rotate-script.exe for a Keeper Gateway on Windows: attach this file to the
# PAM User record as its PAM script.
#
# Known, from documents:
#   - The Gateway pipes one line of base64 text into the .ps1 (Keeper).
#   - It takes "the script returned True" for success, not an exit code (Keeper). An .exe
#     without this wrapper might therefore fail and count as success.
#   - How PowerShell writes text into the pipe of a program depends on its version and on
#     $OutputEncoding (Microsoft). So the pipe is made here, and its bytes too.
#
# Assumed, and shown nowhere:
#   - The line reaches a script without parameters as $input.
#   - An error that nobody catches counts as failure.
#   - What Write-Host prints reaches the Gateway's log and is not taken for the result.
#
# This wrapper has never run on a Windows Gateway, nor under any PowerShell: it was
# written for Windows PowerShell 5.1 and PowerShell 7 from their documents. Do not rely
# on it before you have seen a failing rotation of a test account reported as failed.
#
# It returns $true if the program ended with exit code 0, and nothing else. In any other
# case it throws; the message names the exit code and never the input. No cmdlet gets
# the input, since PowerShell's module logging records what cmdlets are given.
#
# Keep this file in plain ASCII: Windows PowerShell 5.1 reads anything else by code page.

# The program, as a full path. Left empty, it is pam-rotate-script.exe beside this file.
$Program = ''

# Flags for the program, such as '--log-level debug'. None is the usual case.
$Flags = ''

$ErrorActionPreference = 'Stop'

$lines = @($input)

if ($Program -eq '') {
    if ([string]::IsNullOrEmpty($PSScriptRoot)) {
        throw 'pam-rotate-script: not run: this script does not know its own folder; set $Program at its top to a full path'
    }
    $Program = [System.IO.Path]::Combine($PSScriptRoot, 'pam-rotate-script.exe')
}
if (-not [System.IO.Path]::IsPathRooted($Program)) {
    throw 'pam-rotate-script: not run: $Program at the top of this script is not a full path'
}
if (-not [System.IO.File]::Exists($Program)) {
    throw "pam-rotate-script: not run: there is no program $Program"
}

# Text alone is passed on: PowerShell would make up a text for anything else.
foreach ($line in $lines) {
    if ($line -isnot [string]) {
        throw 'pam-rotate-script: not run: something else than text was piped in'
    }
}
$text = [string]::Join("`n", [string[]]$lines)
if ([string]::IsNullOrWhiteSpace($text)) {
    throw 'pam-rotate-script: not run: nothing was piped in'
}

# UTF-8 without a byte order mark; base64 is ASCII, and so the same bytes. A text that
# UTF-8 cannot express would arrive altered, so it is an error.
$encoding = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false, $true
$bytes = $null
try {
    $bytes = $encoding.GetBytes($text + "`n")
} catch {
    throw 'pam-rotate-script: not run: the text piped in cannot be written as UTF-8'
}

$start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
$start.FileName = $Program
$start.Arguments = $Flags
$start.UseShellExecute = $false
$start.CreateNoWindow = $true
$start.RedirectStandardInput = $true
$start.RedirectStandardOutput = $true
$start.RedirectStandardError = $true
$start.StandardOutputEncoding = [System.Text.Encoding]::UTF8
$start.StandardErrorEncoding = [System.Text.Encoding]::UTF8

$process = New-Object -TypeName System.Diagnostics.Process
$process.StartInfo = $start
$code = $null
$taken = $false
$output = ''
$log = ''
try {
    [void]$process.Start()

    # Both streams are read while the input is written, so that no full pipe can hold up
    # either side.
    $outputRead = $process.StandardOutput.ReadToEndAsync()
    $logRead = $process.StandardError.ReadToEndAsync()

    # The bytes go past the writer of .NET, which has an encoding of its own. Where the
    # console's input encoding has a byte order mark, .NET Framework has put that into the
    # pipe already; the program copes with it.
    try {
        $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        $process.StandardInput.BaseStream.Flush()
        $taken = $true
    } catch {
        # A program that ends before it reads, as on a wrong flag, says more by its exit code.
        $taken = $false
    }
    try {
        $process.StandardInput.Close()
    } catch {
        $taken = $false
    }

    $process.WaitForExit()
    $output = $outputRead.GetAwaiter().GetResult()
    $log = $logRead.GetAwaiter().GetResult()
    $code = $process.ExitCode
} finally {
    $process.Dispose()
}

# Neither goes to the pipeline, where only $true is to be seen.
foreach ($line in $log.Split("`n")) {
    $line = $line.TrimEnd()
    if ($line -ne '') {
        [Console]::Error.WriteLine($line)
    }
}
foreach ($line in $output.Split("`n")) {
    $line = $line.TrimEnd()
    if ($line -ne '') {
        Write-Host $line
    }
}

if ($code -isnot [int]) {
    throw 'pam-rotate-script: unknown: the program has no exit code'
}
switch ($code) {
    0 {
        if (-not $taken) {
            throw 'pam-rotate-script: unknown: exit code 0, but the program did not take its whole input'
        }
    }
    1 { throw 'pam-rotate-script: not changed: exit code 1' }
    3 { throw 'pam-rotate-script: unknown whether the password was changed: exit code 3' }
    64 { throw 'pam-rotate-script: the command line is wrong, nothing was sent: exit code 64' }
    default { throw "pam-rotate-script: unknown whether the password was changed: exit code $code" }
}
return $true
