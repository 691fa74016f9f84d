rule eicar_test_file
{
	strings:
		$start = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
	condition:
		$start
}

rule executable
{
	strings:
		$elf = { 7f 45 4c 46 02 01 01 }
		$dos = "This program cannot be run in DOS mode"
	condition:
		any of them
}
